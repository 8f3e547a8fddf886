// Package image makes pictures fit to be sent to a model: upright, no larger than a
// model looks at, PNG or JPEG (the formats every model server reads), and without the
// metadata that says where and with what they were taken.
package image

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"runtime/debug"
	"sync"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

// Errors that say what is wrong with a picture.
var (
	ErrFormat   = errors.New("not a PNG, JPEG, GIF or WebP image")
	ErrTooLarge = errors.New("image is too large to decode")
)

const (
	defaultSide  = 1200
	defaultBytes = 5 << 20
	// maxDecoded bounds the memory of a decoded picture, so that a small file that
	// claims to be huge is refused before any of it is decoded.
	maxDecoded = 256 << 20
	// worthFreeing is the size of a decoded picture above which memory is handed back
	// to the system at once instead of minutes later.
	worthFreeing = 8 << 20
)

// A Picture is the result of Fit.
type Picture struct {
	Data          []byte
	MIME          string // "image/png" or "image/jpeg"
	Width, Height int    // pixels, upright
}

// A Fitter makes pictures fit, one at a time so that memory stays bounded. The zero
// Fitter uses the defaults. Its methods may be called from any goroutine.
type Fitter struct {
	MaxSide  int // pixels of the longer side; 0 means 1200
	MaxBytes int // of the result; 0 means 5 MB

	mu sync.Mutex // held while a picture is decoded
}

// MIME gives the type of the picture that data begins, or "" when it is none that Fit
// reads. The first 16 bytes are enough.
func MIME(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return "image/jpeg"
	case bytes.HasPrefix(data, []byte("GIF87a")), bytes.HasPrefix(data, []byte("GIF89a")):
		return "image/gif"
	case len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		return "image/webp"
	}
	return ""
}

// Fit gives the picture in data upright, within the limits and without metadata. A
// PNG or JPEG that fits already keeps its pixels byte for byte; of an animation the
// first frame is used. Errors wrap ErrFormat or ErrTooLarge where these are the cause.
func (f *Fitter) Fit(data []byte) (Picture, error) {
	side, limit := f.MaxSide, f.MaxBytes
	if side <= 0 {
		side = defaultSide
	}
	if limit <= 0 {
		limit = defaultBytes
	}
	mime := MIME(data)
	config, err := decodeConfig(mime, data)
	if err != nil {
		return Picture{}, err
	}
	memory := int64(config.Width) * int64(config.Height) * bytesPerPixel(config.ColorModel)
	if config.Width <= 0 || config.Height <= 0 || config.Width > maxDecoded/config.Height || memory > maxDecoded {
		return Picture{}, fmt.Errorf("%w: %d × %d pixels", ErrTooLarge, config.Width, config.Height)
	}
	turn := orientation(mime, data)
	if turn == upright && max(config.Width, config.Height) <= side {
		if bare := withoutMetadata(mime, data); bare != nil && len(bare) <= limit {
			return Picture{Data: bare, MIME: mime, Width: config.Width, Height: config.Height}, nil
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if memory > worthFreeing {
		defer debug.FreeOSMemory()
	}
	small, err := shrunk(mime, data, side)
	if err != nil {
		return Picture{}, err
	}
	return encode(turned(small, turn), mime, limit)
}

func decodeConfig(mime string, data []byte) (config image.Config, err error) {
	in := bytes.NewReader(data)
	switch mime {
	case "image/png":
		config, err = png.DecodeConfig(in)
	case "image/jpeg":
		config, err = jpeg.DecodeConfig(in)
	case "image/gif":
		config, err = gif.DecodeConfig(in)
	case "image/webp":
		config, err = webp.DecodeConfig(in)
	default:
		return config, ErrFormat
	}
	if err != nil {
		return config, fmt.Errorf("decode %s: %w", mime, err)
	}
	return config, nil
}

// bytesPerPixel is what the decoder may use at most: a progressive JPEG holds its
// coefficients besides its pixels.
func bytesPerPixel(m color.Model) int64 {
	switch m {
	case color.GrayModel, color.AlphaModel:
		return 1
	case color.RGBA64Model, color.NRGBA64Model, color.CMYKModel:
		return 8
	case color.YCbCrModel, color.NYCbCrAModel:
		return 5
	default:
		return 4
	}
}

// shrunk decodes data and scales it down so that its longer side is at most side.
// Each step halves at most, so every source pixel counts and nothing flickers.
func shrunk(mime string, data []byte, side int) (image.Image, error) {
	in := bytes.NewReader(data)
	var img image.Image
	var err error
	switch mime {
	case "image/png":
		img, err = png.Decode(in)
	case "image/jpeg":
		img, err = jpeg.Decode(in)
	case "image/gif":
		img, err = gif.Decode(in)
	default:
		img, err = webp.Decode(in)
	}
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", mime, err)
	}
	for {
		size := img.Bounds().Size()
		longer := max(size.X, size.Y)
		if longer <= side {
			return img, nil
		}
		to := max(side, (longer+1)/2)
		next := image.NewRGBA(image.Rect(0, 0, max(1, size.X*to/longer), max(1, size.Y*to/longer)))
		draw.ApproxBiLinear.Scale(next, next.Bounds(), img, img.Bounds(), draw.Src, nil)
		img = next
	}
}

// encode writes photographs as JPEG and everything else as PNG, unless only a JPEG is
// small enough.
func encode(img image.Image, from string, limit int) (Picture, error) {
	var out bytes.Buffer
	size := img.Bounds().Size()
	if from != "image/jpeg" && (from != "image/webp" || !opaque(img)) {
		if err := png.Encode(&out, img); err != nil {
			return Picture{}, fmt.Errorf("encode PNG: %w", err)
		}
		if out.Len() <= limit {
			return Picture{Data: out.Bytes(), MIME: "image/png", Width: size.X, Height: size.Y}, nil
		}
	}
	if !opaque(img) {
		flat := image.NewRGBA(image.Rect(0, 0, size.X, size.Y))
		draw.Draw(flat, flat.Bounds(), image.White, image.Point{}, draw.Src)
		draw.Draw(flat, flat.Bounds(), img, img.Bounds().Min, draw.Over)
		img = flat
	}
	for _, quality := range []int{85, 70, 50, 25} {
		out.Reset()
		if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: quality}); err != nil {
			return Picture{}, fmt.Errorf("encode JPEG: %w", err)
		}
		if out.Len() <= limit {
			return Picture{Data: out.Bytes(), MIME: "image/jpeg", Width: size.X, Height: size.Y}, nil
		}
	}
	return Picture{}, fmt.Errorf("%w: still %d bytes as a JPEG", ErrTooLarge, out.Len())
}

func opaque(img image.Image) bool {
	o, ok := img.(interface{ Opaque() bool })
	return ok && o.Opaque()
}
