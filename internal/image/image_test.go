package image_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	fit "hearth/internal/image"
)

// corners is a picture with a colour of its own in each corner: red top left, green
// top right, blue bottom left, white bottom right.
func corners(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for rect, c := range map[image.Rectangle]color.RGBA{
		image.Rect(0, 0, w/2, h/2): {255, 0, 0, 255},
		image.Rect(w/2, 0, w, h/2): {0, 255, 0, 255},
		image.Rect(0, h/2, w/2, h): {0, 0, 255, 255},
		image.Rect(w/2, h/2, w, h): {255, 255, 255, 255},
	} {
		draw.Draw(img, rect, image.NewUniform(c), image.Point{}, draw.Src)
	}
	return img
}

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tiff is an EXIF block that holds the orientation and a note.
func tiff(orientation int) []byte {
	b := []byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00")
	b = append(b, byte(orientation), 0, 0, 0, 0, 0, 0)
	return append(b, "GPS 48.1374N 11.5755E"...)
}

func withExif(jpg []byte, orientation int) []byte {
	body := append([]byte("Exif\x00\x00"), tiff(orientation)...)
	head := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xe1}, uint16(len(body)+2))
	return append(append(head, body...), jpg[2:]...)
}

func withChunk(whole []byte, kind string, body []byte) []byte {
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	chunk = append(append(chunk, kind...), body...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	after := 8 + 25 // signature and IHDR
	return append(append(append([]byte{}, whole[:after]...), chunk...), whole[after:]...)
}

func decoded(t *testing.T, p fit.Picture) image.Image {
	t.Helper()
	img, format, err := image.Decode(bytes.NewReader(p.Data))
	if err != nil {
		t.Fatal(err)
	}
	if "image/"+format != p.MIME || img.Bounds().Dx() != p.Width || img.Bounds().Dy() != p.Height {
		t.Fatalf("says %s %d×%d, is %s %v", p.MIME, p.Width, p.Height, format, img.Bounds())
	}
	return img
}

func near(c color.Color, r, g, b uint32) bool {
	cr, cg, cb, _ := c.RGBA()
	far := func(a, b uint32) bool { return max(a>>8, b)-min(a>>8, b) > 40 }
	return !far(cr, r) && !far(cg, g) && !far(cb, b)
}

func TestLargePicturesAreScaledDown(t *testing.T) {
	for _, row := range []struct {
		name         string
		data         []byte
		mime         string
		wide, height int
	}{
		{"a wide JPEG", asJPEG(t, corners(3000, 1500)), "image/jpeg", 1200, 600},
		{"a tall PNG", asPNG(t, corners(700, 2400)), "image/png", 350, 1200},
		{"a thin line", asPNG(t, corners(5000, 1)), "image/png", 1200, 1},
		{"one that fits keeps its size", asPNG(t, corners(1200, 300)), "image/png", 1200, 300},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := new(fit.Fitter).Fit(row.data)
			if err != nil {
				t.Fatal(err)
			}
			img := decoded(t, got)
			if got.MIME != row.mime || got.Width != row.wide || got.Height != row.height {
				t.Errorf("got %s %d×%d", got.MIME, got.Width, got.Height)
			}
			if row.height > 1 && !near(img.At(img.Bounds().Max.X/8, 0), 255, 0, 0) {
				t.Errorf("top left is %v", img.At(1, 0))
			}
		})
	}
}

func TestPicturesStandUpright(t *testing.T) {
	// Where red, the picture's own top left, is seen for each EXIF orientation.
	at := []struct{ right, low bool }{{}, {false, false}, {true, false}, {true, true}, {false, true}, {false, false}, {true, false}, {true, true}, {false, true}}
	for o := 1; o <= 8; o++ {
		for name, data := range map[string][]byte{
			"JPEG": withExif(asJPEG(t, corners(200, 100)), o),
			"PNG":  withChunk(asPNG(t, corners(200, 100)), "eXIf", tiff(o)),
		} {
			t.Run(name+" "+strconv.Itoa(o), func(t *testing.T) {
				got, err := new(fit.Fitter).Fit(data)
				if err != nil {
					t.Fatal(err)
				}
				img := decoded(t, got)
				if wide := got.Width > got.Height; wide != (o < 5) {
					t.Errorf("is %d×%d", got.Width, got.Height)
				}
				x, y := 10, 10
				if at[o].right {
					x = got.Width - 11
				}
				if at[o].low {
					y = got.Height - 11
				}
				if !near(img.At(x, y), 255, 0, 0) {
					t.Errorf("red is not at %d,%d but %v", x, y, img.At(x, y))
				}
			})
		}
	}
}

func TestMetadataGoesAndPixelsStay(t *testing.T) {
	plainPNG, plainJPEG := asPNG(t, corners(50, 50)), asJPEG(t, corners(50, 50))
	for name, row := range map[string]struct{ with, want []byte }{
		"JPEG":                     {withExif(plainJPEG, 1), plainJPEG},
		"JPEG with bytes after it": {append(bytes.Clone(plainJPEG), "GPS appended"...), plainJPEG},
		"PNG":                      {withChunk(plainPNG, "tEXt", []byte("Comment\x00GPS 48.1374N")), plainPNG},
		"PNG with bytes after it":  {append(bytes.Clone(plainPNG), "GPS appended"...), plainPNG},
	} {
		got, err := new(fit.Fitter).Fit(row.with)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(got.Data, row.want) {
			t.Errorf("%s: not the picture without its notes (%d bytes, want %d)", name, len(got.Data), len(row.want))
		}
	}
	// A thumbnail appended by a phone is a picture of its own with notes of its own.
	nested := append(bytes.Clone(plainJPEG), withExif(plainJPEG, 1)...)
	got, err := new(fit.Fitter).Fit(nested)
	if err != nil || bytes.Contains(got.Data, []byte("GPS")) {
		t.Errorf("appended picture: error %v, notes kept: %t", err, bytes.Contains(got.Data, []byte("GPS")))
	}
}

func TestOtherFormatsBecomePNGOrJPEG(t *testing.T) {
	var anim bytes.Buffer
	frame := image.NewPaletted(image.Rect(0, 0, 20, 10), color.Palette{color.White, color.RGBA{255, 0, 0, 255}})
	if err := gif.EncodeAll(&anim, &gif.GIF{Image: []*image.Paletted{frame, frame}, Delay: []int{1, 1}}); err != nil {
		t.Fatal(err)
	}
	// The smallest lossless WebP: one pixel, written by hand.
	webp, err := hex.DecodeString("524946461a000000574542505650384c0d0000002f00000010071011118888fe0700")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"GIF": anim.Bytes(), "WebP": webp} {
		got, err := new(fit.Fitter).Fit(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		decoded(t, got)
	}
}

func TestAPictureThatIsTooLargeAsPNGBecomesJPEG(t *testing.T) {
	noise := image.NewNRGBA(image.Rect(0, 0, 400, 400))
	seed := uint32(1)
	for i := range noise.Pix {
		seed = seed*1664525 + 1013904223
		noise.Pix[i] = byte(seed >> 24)
	}
	got, err := (&fit.Fitter{MaxBytes: 200_000}).Fit(asPNG(t, noise))
	if err != nil || got.MIME != "image/jpeg" || len(got.Data) > 200_000 {
		t.Errorf("%s, %d bytes, %v", got.MIME, len(got.Data), err)
	}
	if _, err := (&fit.Fitter{MaxBytes: 100}).Fit(asPNG(t, noise)); !errors.Is(err, fit.ErrTooLarge) {
		t.Errorf("an impossible limit gives %v", err)
	}
}

func TestBombsAreRefusedBeforeDecoding(t *testing.T) {
	claims := func(w, h uint32) []byte {
		ihdr := binary.BigEndian.AppendUint32([]byte("IHDR"), w)
		ihdr = append(binary.BigEndian.AppendUint32(ihdr, h), 8, 6, 0, 0, 0)
		b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), ihdr...)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(ihdr))
	}
	for _, size := range [][2]uint32{{50_000, 50_000}, {1<<31 - 1, 1<<31 - 1}, {1 << 30, 1}, {20_000, 20_000}} {
		if _, err := new(fit.Fitter).Fit(claims(size[0], size[1])); err == nil {
			t.Errorf("%v is not refused", size)
		}
	}
	for name, data := range map[string][]byte{"text": []byte("hello"), "empty": nil, "SVG": []byte("<svg/>")} {
		if _, err := new(fit.Fitter).Fit(data); !errors.Is(err, fit.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	whole := asPNG(t, corners(100, 100))
	if _, err := new(fit.Fitter).Fit(whole[:len(whole)/2]); err == nil {
		t.Error("half a picture is not refused")
	}
}

// TestMemoryComesBack fits a 12-megapixel photograph and asks the system what is left.
func TestMemoryComesBack(t *testing.T) {
	rss := func() int {
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Skip("no /proc here to measure with:", err)
		}
		_, after, _ := strings.Cut(string(status), "VmRSS:")
		kb, _ := strconv.Atoi(strings.Fields(after)[0])
		return kb
	}
	photo := asJPEG(t, corners(4000, 3000))
	runtime.GC()
	if _, err := new(fit.Fitter).Fit(photo); err != nil {
		t.Fatal(err)
	}
	before := rss()
	for range 3 {
		if _, err := new(fit.Fitter).Fit(photo); err != nil {
			t.Fatal(err)
		}
	}
	if grown := rss() - before; grown > 8<<10 {
		t.Errorf("three photographs left %d KB behind", grown)
	}
}

func FuzzFit(f *testing.F) {
	f.Add(asPNG(f, corners(8, 8)))
	f.Add(withExif(asJPEG(f, corners(8, 8)), 6))
	f.Add([]byte("GIF89a"))
	f.Add([]byte("RIFF\x00\x00\x00\x00WEBPVP8L"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := (&fit.Fitter{MaxSide: 64, MaxBytes: 1 << 20}).Fit(data)
		if err == nil && (len(got.Data) > 1<<20 || max(got.Width, got.Height) > 64) {
			t.Fatalf("%d bytes, %d×%d", len(got.Data), got.Width, got.Height)
		}
	})
}

func BenchmarkPhotograph(b *testing.B) {
	photo := asJPEG(b, corners(4000, 3000))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := new(fit.Fitter).Fit(photo); err != nil {
			b.Fatal(err)
		}
	}
}
