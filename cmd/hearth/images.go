package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"

	"hearth"
	"hearth/internal/image"
)

// maxImageFile bounds an image file before it is looked at.
const maxImageFile = 64 << 20

// loadImages reads, checks and shrinks the images of --file.
func loadImages(files []string) ([]hearth.Blob, error) {
	var out []hearth.Blob
	fitter := new(image.Fitter)
	for _, name := range files {
		data, err := readImage(name)
		if err != nil {
			return nil, imageError(name, err)
		}
		fitted, err := fitter.Fit(data)
		if err != nil {
			return nil, imageError(name, err)
		}
		sum := sha256.Sum256(fitted.Data)
		out = append(out, hearth.Blob{
			Hash: hex.EncodeToString(sum[:]), MIME: fitted.MIME, Name: filepath.Base(name),
			Bytes: len(fitted.Data), Width: fitted.Width, Height: fitted.Height, Data: fitted.Data,
		})
	}
	return out, nil
}

func readImage(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no regular file")
	case info.Size() > maxImageFile:
		return nil, errors.New("it is larger than 64 MB")
	}
	return os.ReadFile(name)
}

func imageError(name string, err error) error {
	return &hearth.Error{Op: "read image " + name, Reason: hearth.ReasonUsage, Err: err,
		Cause: "--file takes PNG, JPEG, GIF and WebP images.", Try: "Check the path and the kind of file."}
}
