package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hearth/prompt"
)

// BenchmarkMemory is what the system counts as this program's own memory (VmRSS and
// VmHWM of /proc/self/status), in a process that does nothing else: this test binary,
// which is some megabytes larger than the program.
func BenchmarkMemory(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("memory is measured on Linux only: other systems count it in other ways")
	}
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprintf("%d-streams", n), func(b *testing.B) {
			benchHome(b, startServer(b, "-together", strconv.Itoa(n), "-pace", "50ms", "-text", strings.Repeat("token ", 100)), n)
			reportMemory(b, "bench-streams", strconv.Itoa(n))
		})
	}
	b.Run("100-turns-and-an-image", func(b *testing.B) {
		home := benchHome(b, startServer(b), 1)
		photo := filepath.Join(home, "photo.jpg")
		writePhoto(b, photo, 4000, 3000)
		reportMemory(b, "bench-image", photo)
	})
}

// reportMemory runs a program, once, and reports the figures it prints, one a line: name
// and kilobytes as the system counts them.
func reportMemory(b *testing.B, name string, args ...string) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() { // however often: the figures are of one run
	}
	for line := range strings.Lines(out.String()) {
		var what string
		var kb float64
		if _, err := fmt.Sscan(line, &what, &kb); err != nil {
			b.Fatalf("%q: %v", line, err)
		}
		b.ReportMetric(kb*1024/1e6, what+"-MB")
	}
}

// benchStreams has n conversations answered at once, all of them streaming at one time.
func benchStreams(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	ctx := context.Background()
	a, err := benchApp(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	talks, err := openTalks(ctx, a, n)
	if err != nil {
		return err
	}
	defer closeTalks(talks)
	sayMemory("idle-rss", "VmRSS")
	err = sayAll(ctx, talks, 100)
	sayMemory("peak-rss", "VmHWM")
	return err
}

// openTalks opens n conversations.
func openTalks(ctx context.Context, a *app, n int) ([]*talk, error) {
	talks := make([]*talk, n)
	for i := range talks {
		var err error
		if talks[i], err = a.open(ctx, choice{session: "s" + strconv.Itoa(i)}); err != nil {
			closeTalks(talks[:i])
			return nil, err
		}
	}
	return talks, nil
}

func closeTalks(talks []*talk) {
	for _, k := range talks {
		k.close()
	}
}

// sayAll says something in all of them at once, and waits for the answers of so many tokens.
func sayAll(ctx context.Context, talks []*talk, tokens int) error {
	failed := make([]error, len(talks))
	var all sync.WaitGroup
	for i, k := range talks {
		all.Go(func() {
			out, err := k.say(ctx, prompt.Incoming{Text: "hello"}, false, nil)
			if failed[i] = err; err == nil && len(out.Answer) != len("token ")*tokens {
				failed[i] = fmt.Errorf("the answer has %d bytes", len(out.Answer))
			}
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

// rest is how long a process is left alone before its memory is looked at.
const rest = time.Minute

// benchImage holds a conversation of a hundred turns, of which one has a photograph.
func benchImage(args []string) error {
	ctx := context.Background()
	a, err := benchApp(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	k, err := a.open(ctx, choice{})
	if err != nil {
		return err
	}
	defer k.close()
	for turn := range 101 {
		in := prompt.Incoming{Text: "hello"}
		if turn == 50 {
			if in.Images, err = loadImages(args); err != nil {
				return err
			}
		}
		out, err := k.say(ctx, in, false, nil)
		if err != nil {
			return err
		}
		if sent := out.Reports[0].Bytes; turn == 100 && sent < 50_000 {
			return fmt.Errorf("the picture is not in the request of %d bytes", sent)
		}
	}
	sayMemory("at-once-rss", "VmRSS")
	<-time.After(rest) // the time itself is what is asked for
	sayMemory("rss", "VmRSS")
	sayMemory("peak-rss", "VmHWM")
	return nil
}

// sayMemory prints one line of /proc/self/status.
func sayMemory(what, field string) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return // reportMemory will miss it
	}
	_, rest, _ := strings.Cut(string(status), field+":")
	fmt.Println(what, strings.Fields(rest)[0])
}

// writePhoto writes a JPEG with as much detail as a photograph has.
func writePhoto(b *testing.B, name string, width, height int) {
	b.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	noise := rand.New(rand.NewPCG(1, 2))
	for y := range height {
		for x := range width {
			n := uint8(noise.IntN(24))
			img.SetRGBA(x, y, color.RGBA{uint8(x*200/width) + n, uint8(y*200/height) + n, uint8((x^y)&127) + n, 255})
		}
	}
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(jpeg.Encode(f, img, &jpeg.Options{Quality: 90}), f.Close()); err != nil {
		b.Fatal(err)
	}
}
