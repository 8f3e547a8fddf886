// Command release builds Hearth for six systems and packs each with its papers into
// dist/, with a list of checksums: go run .ci/release.go VERSION.
//
// The same commit gives the same bytes: the binaries hold no path and no build time,
// and the archives have a fixed order, owner and date (SOURCE_DATE_EPOCH, in seconds).
package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// papers go into every archive beside the binary.
var papers = []string{"CHANGELOG.md", "LICENSE", "README.md"}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 || os.Args[1] == "" {
		log.Fatal("usage: go run .ci/release.go VERSION")
	}
	if err := release(os.Args[1]); err != nil {
		log.Fatal("release: ", err)
	}
}

func release(version string) error {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	if err := os.RemoveAll("dist"); err != nil {
		return err
	}
	if err := os.Mkdir("dist", 0o755); err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			name := fmt.Sprintf("hearth-%s-%s-%s", version, goos, arch)
			archive, data, err := target(name, goos, arch, version, time.Unix(seconds, 0).UTC())
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if err := os.WriteFile(filepath.Join("dist", archive), data, 0o644); err != nil {
				return err
			}
			fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), archive)
			fmt.Printf("dist/%s %d KB\n", archive, len(data)>>10)
		}
	}
	return os.WriteFile(filepath.Join("dist", "checksums.txt"), sums.Bytes(), 0o644)
}

// target builds for one system and gives its archive's name and bytes.
func target(name, goos, arch, version string, date time.Time) (string, []byte, error) {
	binary := "hearth"
	if goos == "windows" {
		binary += ".exe"
	}
	built := filepath.Join("dist", binary)
	build := exec.Command("go", "build", "-buildvcs=false", "-trimpath",
		"-ldflags", "-s -w -buildid= -X main.version="+version, "-o", built, "./cmd/hearth")
	build.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+arch, "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", nil, err
	}
	var out bytes.Buffer
	write, ending := writeTar, ".tar.gz"
	if goos == "windows" {
		write, ending = writeZip, ".zip"
	}
	if err := write(&out, name, append([]string{built}, papers...), date); err != nil {
		return "", nil, err
	}
	return name + ending, out.Bytes(), os.Remove(built)
}

func writeTar(out io.Writer, folder string, files []string, date time.Time) error {
	packed, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(packed)
	for i, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		head := &tar.Header{Name: folder + "/" + filepath.Base(name), Mode: mode(i), Size: int64(len(data)), ModTime: date, Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(head); err != nil {
			return err
		}
		if _, err := archive.Write(data); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return packed.Close()
}

func writeZip(out io.Writer, folder string, files []string, date time.Time) error {
	archive := zip.NewWriter(out)
	for i, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		head := &zip.FileHeader{Name: folder + "/" + filepath.Base(name), Method: zip.Deflate, Modified: date}
		head.SetMode(os.FileMode(mode(i)))
		entry, err := archive.CreateHeader(head)
		if err != nil {
			return err
		}
		if _, err := entry.Write(data); err != nil {
			return err
		}
	}
	return archive.Close()
}

// mode makes the first file, the binary, executable.
func mode(i int) int64 {
	if i == 0 {
		return 0o755
	}
	return 0o644
}
