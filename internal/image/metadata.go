package image

import (
	"bytes"
	"encoding/binary"
	"image"
)

// upright is the EXIF orientation of a picture whose rows run as they are seen.
// Exif 2.32, section 4.6.4, tag 274.
const upright = 1

// orientation gives the EXIF orientation of a picture, 1 to 8.
func orientation(mime string, data []byte) int {
	var tiff []byte
	switch mime {
	case "image/jpeg":
		jpegSegments(data, func(marker byte, body []byte) {
			if rest, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok && marker == 0xe1 && tiff == nil {
				tiff = rest
			}
		})
	case "image/png":
		pngChunks(data, func(kind string, whole []byte) {
			if kind == "eXIf" {
				tiff = whole[8 : len(whole)-4]
			}
		})
	case "image/webp":
		tiff = bytes.TrimPrefix(webpExif(data), []byte("Exif\x00\x00"))
	}
	return tiffOrientation(tiff)
}

// tiffOrientation reads tag 0x0112 of the first directory of a TIFF header.
func tiffOrientation(tiff []byte) int {
	if len(tiff) < 8 {
		return upright
	}
	var order binary.ByteOrder = binary.LittleEndian
	if tiff[0] == 'M' {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return upright
	}
	for n := order.Uint16(tiff[at:]); n > 0; n-- {
		entry := at + 2 + int64(n-1)*12
		if entry+12 > int64(len(tiff)) {
			continue
		}
		if order.Uint16(tiff[entry:]) == 0x0112 {
			if o := int(order.Uint16(tiff[entry+8:])); o >= 1 && o <= 8 {
				return o
			}
		}
	}
	return upright
}

// turned gives the picture as it should be seen, given its EXIF orientation.
func turned(img image.Image, o int) image.Image {
	if o == upright {
		return img
	}
	from := img.Bounds()
	w, h := from.Dx(), from.Dy()
	if o >= 5 {
		w, h = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			sx, sy := x, y
			switch o {
			case 2:
				sx = w - 1 - x
			case 3:
				sx, sy = w-1-x, h-1-y
			case 4:
				sy = h - 1 - y
			case 5:
				sx, sy = y, x
			case 6:
				sx, sy = y, w-1-x
			case 7:
				sx, sy = h-1-y, w-1-x
			case 8:
				sx, sy = h-1-y, x
			}
			out.Set(x, y, img.At(from.Min.X+sx, from.Min.Y+sy))
		}
	}
	return out
}

// withoutMetadata gives a PNG or JPEG with only what is needed to show it, or nil when
// the file is of another kind or cannot be followed to its end.
func withoutMetadata(mime string, data []byte) []byte {
	switch mime {
	case "image/png":
		out := bytes.NewBuffer(append(make([]byte, 0, len(data)), data[:8]...))
		whole := pngChunks(data, func(kind string, chunk []byte) {
			switch kind {
			case "IHDR", "PLTE", "tRNS", "IDAT", "IEND", "gAMA", "sRGB", "cHRM", "sBIT", "bKGD":
				out.Write(chunk)
			}
		})
		if whole {
			return out.Bytes()
		}
	case "image/jpeg":
		out := bytes.NewBuffer(append(make([]byte, 0, len(data)), 0xff, 0xd8))
		rest := jpegSegments(data, func(marker byte, body []byte) {
			// APP0 and APP14 (Adobe) say how colours are coded; the other APPs and COM are notes.
			if marker >= 0xe1 && marker <= 0xef && marker != 0xee || marker == 0xfe {
				return
			}
			out.Write([]byte{0xff, marker})
			out.Write(binary.BigEndian.AppendUint16(nil, uint16(len(body)+2))) // body came with a 16-bit length
			out.Write(body)
		})
		// After the picture, phones append thumbnails, depth maps and whole videos.
		if end := bytes.LastIndex(rest, []byte{0xff, 0xd9}); end >= 0 && !bytes.Contains(rest, []byte("\xff\xd8\xff")) {
			out.Write(rest[:end+2])
			return out.Bytes()
		}
	}
	return nil
}

// jpegSegments calls each with every segment before the first scan, and gives what
// begins with that scan; nil when there is none.
func jpegSegments(data []byte, each func(marker byte, body []byte)) (scan []byte) {
	for at := 2; at+4 <= len(data); {
		if data[at] != 0xff {
			return nil
		}
		marker := data[at+1]
		if marker == 0xff {
			at++ // fill byte
			continue
		}
		if marker == 0xda {
			return data[at:]
		}
		length := int(binary.BigEndian.Uint16(data[at+2:]))
		if length < 2 || at+2+length > len(data) {
			return nil
		}
		each(marker, data[at+4:at+2+length])
		at += 2 + length
	}
	return nil
}

// pngChunks calls each with every chunk, whole, and reports whether the last one ended
// the picture.
func pngChunks(data []byte, each func(kind string, chunk []byte)) (ended bool) {
	for at := int64(8); at+12 <= int64(len(data)); {
		size := int64(binary.BigEndian.Uint32(data[at:])) + 12
		if at+size > int64(len(data)) {
			return false
		}
		kind := string(data[at+4 : at+8])
		each(kind, data[at:at+size])
		at += size
		if kind == "IEND" {
			return true
		}
	}
	return false
}

// webpExif gives the EXIF chunk of a WebP file, or nil.
func webpExif(data []byte) []byte {
	for at := int64(12); at+8 <= int64(len(data)); {
		size := int64(binary.LittleEndian.Uint32(data[at+4:]))
		if at+8+size > int64(len(data)) {
			return nil
		}
		if string(data[at:at+4]) == "EXIF" {
			return data[at+8 : at+8+size]
		}
		at += 8 + size + size%2
	}
	return nil
}
