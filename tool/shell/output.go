package shell

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const outputSuffix = ".out"

// output takes what a command writes. It keeps the beginning and the end in memory
// and, once that is not all, the whole in a file, up to a size. Writing never fails
// and never waits for a reader.
type output struct {
	keep   int    // bytes of each end kept in memory
	limit  int64  // bytes of the file
	folder string // "" = no file

	mu    sync.Mutex
	head  []byte
	tail  []byte // ring of keep bytes once it is full
	at    int    // where the ring begins
	total int64
	sum   hash.Hash
	file  *os.File
	name  string // of the file, as it is now
	size  int64  // of the file
}

func newOutput(keep int, limit int64, folder string) *output {
	return &output{keep: keep, limit: limit, folder: folder, sum: sha256.New()}
}

// Write takes p. It always succeeds.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.total += int64(len(p))
	o.sum.Write(p)
	if o.file == nil && o.folder != "" && o.total > 2*int64(o.keep) {
		o.spill()
	}
	if o.file != nil {
		n, err := o.file.Write(p[:min(int64(len(p)), max(o.limit-o.size, 0))])
		o.size += int64(n)
		if err != nil {
			o.limit = o.size // the disk is full; what is there can be read
		}
	}
	rest := p
	if room := o.keep - len(o.head); room > 0 {
		n := min(room, len(rest))
		o.head = append(o.head, rest[:n]...)
		rest = rest[n:]
	}
	if len(rest) > o.keep {
		rest = rest[len(rest)-o.keep:]
	}
	for len(rest) > 0 {
		if len(o.tail) < o.keep {
			n := min(o.keep-len(o.tail), len(rest))
			o.tail = append(o.tail, rest[:n]...)
			rest = rest[n:]
			continue
		}
		n := copy(o.tail[o.at:], rest)
		o.at = (o.at + n) % o.keep
		rest = rest[n:]
	}
	return len(p), nil
}

// spill begins the file with everything so far, all of which is still in memory.
func (o *output) spill() {
	folder := o.folder
	o.folder = "" // tried once
	if os.MkdirAll(folder, 0o700) != nil {
		return
	}
	name := filepath.Join(folder, "running-"+rand.Text()[:16]+outputSuffix)
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return
	}
	sofar := append(bytes.Clone(o.head), o.tail...)
	n, err := f.Write(sofar[:min(int64(len(sofar)), o.limit)])
	if err != nil {
		_ = errors.Join(f.Close(), os.Remove(name)) // the ends in memory are all there is
		return
	}
	o.file, o.name, o.size = f, name, int64(n)
}

// finish closes the file and names it after its content, so that the same output has
// the same name.
func (o *output) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file == nil {
		return
	}
	_ = o.file.Close() // a full disk was seen when writing
	o.file = nil
	name := filepath.Join(filepath.Dir(o.name), hex.EncodeToString(o.sum.Sum(nil))[:12]+outputSuffix)
	if os.Rename(o.name, name) == nil {
		o.name = name
	}
}

// handle is the name by which a finished output's file can be asked for, "" without one.
func (o *output) handle() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.name == "" {
		return ""
	}
	return filepath.Base(o.name[:len(o.name)-len(outputSuffix)])
}

// written is the number of bytes so far, kept or not.
func (o *output) written() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.total
}

// ends gives the beginning and the end, and how many bytes between them are left out.
func (o *output) ends() (head, tail []byte, between int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	tail = append(bytes.Clone(o.tail[o.at:]), o.tail[:o.at]...)
	return bytes.Clone(o.head), tail, o.total - int64(len(o.head)+len(o.tail))
}

// since gives what was written from byte from on, or the newest part of it when that
// is more than is kept, and how many bytes were skipped.
func (o *output) since(from int64) (fresh []byte, skipped int64) {
	head, tail, between := o.ends()
	start := int64(len(head)) + between // where the tail begins
	if from >= start {
		return tail[min(from-start, int64(len(tail))):], 0
	}
	if between == 0 {
		return append(head[from:], tail...), 0
	}
	return tail, start - from
}

// reader gives the whole output as far as it is kept, from its first byte.
func (o *output) reader() (io.ReadCloser, error) {
	o.mu.Lock()
	name, size := o.name, o.size
	o.mu.Unlock()
	if name == "" {
		head, tail, _ := o.ends()
		return io.NopCloser(bytes.NewReader(append(head, tail...))), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return limited{io.LimitReader(f, size), f}, nil
}

type limited struct {
	io.Reader
	io.Closer
}

var handleName = regexp.MustCompile(`^[0-9a-f]{12}$`)

// openHandle opens an output that an earlier command left, perhaps of another process.
func openHandle(folder, handle string) (io.ReadCloser, error) {
	if folder == "" || !handleName.MatchString(handle) {
		return nil, os.ErrNotExist
	}
	return os.Open(filepath.Join(folder, handle+outputSuffix))
}

// A logPage is some lines of an output. A line longer than pieceBytes counts as several.
type logPage struct {
	text   []byte
	first  int  // number of its first line, from 1
	lines  int  // in text
	total  int  // in the whole output
	pieces bool // of a long line are in text
}

// pieceBytes is what is read of a line at once. It must not hang on the size of a page:
// the numbers of lines would change with that.
const pieceBytes = 1_000

// readLog gives the lines from first on, at most limit of them and maxBytes, but always
// one; first 0 means the last limit lines.
func readLog(in io.Reader, first, limit, maxBytes int) (logPage, error) {
	body := bufio.NewReaderSize(in, 64<<10)
	p := logPage{first: first}
	var window [][]byte             // what will be shown
	held, full, long := 0, false, 0 // the newest of the window that is a part of a line
	for {
		line, part, err := piece(body)
		if len(line) == 0 {
			if err != nil && !errors.Is(err, io.EOF) {
				return p, err
			}
			break
		}
		p.total++
		full = full || first > 0 && (len(window) == limit || len(window) > 0 && held+len(line) > maxBytes)
		if p.total >= first && !full {
			window, held = append(window, bytes.Clone(line)), held+len(line)
			if part {
				long = p.total
			}
		}
		for first == 0 && len(window) > 1 && (len(window) > limit || held > maxBytes) {
			held -= len(window[0])
			window = window[1:]
		}
		if _, err := body.Discard(len(line)); err != nil {
			return p, err
		}
	}
	p.text, p.lines = bytes.Join(window, nil), len(window)
	if first == 0 {
		p.first = p.total - p.lines + 1
	}
	p.pieces = long > 0 && long >= p.first
	return p, nil
}

// piece gives the next line with its end, or the next part of one that is long, and leaves
// it in body. A part ends between words where it can: a key in two halves would not be
// known for one.
func piece(body *bufio.Reader) (line []byte, part bool, err error) {
	ahead, err := body.Peek(pieceBytes)
	if end := bytes.IndexByte(ahead, '\n'); end >= 0 {
		return ahead[:end+1], false, nil
	}
	if len(ahead) < pieceBytes {
		return ahead, false, err
	}
	if end := bytes.LastIndexFunc(ahead[pieceBytes/2:], between); end >= 0 {
		return ahead[:pieceBytes/2+end], true, nil
	}
	for end := pieceBytes; end > pieceBytes-utf8.UTFMax; end-- {
		if utf8.RuneStart(ahead[end-1]) {
			return ahead[:end-1], true, nil
		}
	}
	return ahead, true, nil
}

// between reports whether a character stands between words, and in no key.
func between(r rune) bool {
	return r != utf8.RuneError && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-+/=.%", r)
}

// path is where the file of the whole output is, "" without one.
func (o *output) path() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.name
}
