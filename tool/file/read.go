package file

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"hearth"
	"hearth/internal/escape"
	"hearth/internal/image"
	"hearth/tool"
)

type reader struct {
	space  *workspace
	config Config
	images *image.Fitter
}

var _ tool.Tool = (*reader)(nil)

func (r *reader) Spec() hearth.ToolSpec {
	return spec("read", "Read a text file or picture, or list a folder. Long files: continue with offset.",
		`{"properties":{"limit":{"description":"lines","type":"integer"},"offset":{"description":"first line, from 1","type":"integer"},"path":{"type":"string"}},"required":["path"],"type":"object"}`)
}

func (r *reader) Effect(hearth.ToolCall) hearth.Effect { return hearth.EffectRead }

func (r *reader) Parallel(hearth.ToolCall) bool { return true }

func (r *reader) Describe(call hearth.ToolCall) string {
	in := readInput(call)
	return "read " + escape.Short(in.path, 300)
}

// Check says what is wrong with the arguments.
func (r *reader) Check(call hearth.ToolCall) error { return readInput(call).err }

type readCall struct {
	path          string
	offset, limit int // lines, from 1; 0 = all
	err           error
}

const pathArgument = "path=file_path,filePath,filename,file"

func readInput(call hearth.ToolCall) readCall {
	a := tool.ReadArguments(call, pathArgument, "offset", "limit")
	in := readCall{path: a.RequiredText("path"), offset: a.Int("offset", 1), limit: a.Int("limit", 0)}
	if in.offset < 0 {
		a.Refuse(`"offset" must not be negative; lines are counted from 1`)
	}
	if in.limit < 0 {
		a.Refuse(`"limit" must not be negative`)
	}
	in.offset = max(in.offset, 1)
	in.err = a.Err()
	return in
}

func (r *reader) Run(ctx context.Context, call hearth.ToolCall) (hearth.ToolResult, error) {
	result, ok := start(ctx, call)
	if !ok {
		return result, nil
	}
	in := readInput(call)
	if in.err != nil {
		return tool.Failed(call, hearth.FromGateway, "read: %v", in.err), nil
	}
	space, name, err := r.find(in.path)
	if err != nil {
		return tool.Failed(call, hearth.FromGateway, "read %s", explain(in.path, err)), nil
	}
	root, err := space.open()
	if err != nil {
		return tool.Failed(call, hearth.FromGateway, "read: %v", err), nil
	}
	defer func() { _ = root.Close() }() // nothing was written through it
	at := spot{space: space, root: root}
	if at.name, err = space.resolve(root, name); err == nil {
		err = r.load(ctx, at, in, &result)
	}
	if err != nil {
		return tool.Failed(call, hearth.FromFile, "read %s%s", explain(in.path, err), r.nearby(at, err)), nil
	}
	return result, nil
}

// spot is a file or folder in one of the folders that are read in.
type spot struct {
	space *workspace
	root  *os.Root // of space
	name  string   // below root
}

// find gives the folder that a path is in, and its name there.
func (r *reader) find(p string) (space *workspace, name string, err error) {
	name, err = r.space.local(p)
	if r.config.Beside == nil || !errors.Is(err, errOutside) || !filepath.IsAbs(filepath.FromSlash(p)) {
		return r.space, name, err
	}
	for _, dir := range r.config.Beside() {
		beside := &workspace{root: filepath.Clean(dir), hidden: r.space.hidden, beside: true}
		if name, err := beside.local(p); err == nil {
			return beside, name, nil
		}
	}
	return r.space, "", err
}

// load fills result with the file, folder or picture at a spot.
func (r *reader) load(ctx context.Context, at spot, in readCall, result *hearth.ToolResult) (err error) {
	if err := readable(at.root, at.name); err != nil {
		return err
	}
	name := at.space.known(at.name)
	f, err := at.root.OpenFile(filepath.FromSlash(at.name), os.O_RDONLY|openFlags, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return r.list(f, name, result)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("it is %s, not a file", special(info.Mode()))
	}
	result.From = hearth.FromFile
	if r.config.Taints.Tainted(name, info) {
		result.From = hearth.FromTool
	}
	// A file that is none (of a network, of the kernel) can keep a read waiting.
	release := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer release()
	body := bufio.NewReaderSize(io.LimitReader(f, maxScan), 64<<10)
	head, err := body.Peek(8 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return plain(err)
	}
	switch mime := image.MIME(head); {
	case mime != "":
		return r.picture(body, name, info.Size(), result)
	case isBinary(head):
		return fmt.Errorf("it is a binary file of %d bytes, which read cannot show%s", info.Size(), binaryHint(head))
	}
	page, err := readPage(ctx, body, in, limits{lines: r.config.MaxLines, bytes: r.config.MaxBytes})
	if err != nil {
		return err
	}
	page.more = page.more || info.Size() > maxScan
	result.Text = page.text(in.offset)
	result.Detail = tool.Detail(readDetail{Path: name, Bytes: info.Size(), First: in.offset, Lines: page.shown, Tainted: result.From != hearth.FromFile})
	return nil
}

type readDetail struct {
	Path    string `json:"path"`
	Bytes   int64  `json:"bytes"`
	First   int    `json:"first,omitempty"` // line
	Lines   int    `json:"lines,omitempty"`
	Tainted bool   `json:"tainted,omitempty"` // it may hold bytes of somebody other than the owner
}

// readable refuses pipes, devices and sockets before opening them: opening alone can
// wait for ever or rewind a tape.
func readable(root *os.Root, name string) error {
	info, err := root.Lstat(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() && !info.IsDir() {
		return fmt.Errorf("it is %s, not a file", special(info.Mode()))
	}
	return nil
}

func special(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode&fs.ModeSymlink != 0:
		return "a symlink"
	case mode.IsDir():
		return "a folder"
	default:
		return "a special file"
	}
}

func (r *reader) picture(body io.Reader, name string, size int64, result *hearth.ToolResult) error {
	if size > int64(r.config.MaxImage) {
		return fmt.Errorf("it is a picture of %d bytes; at most %d are read", size, r.config.MaxImage)
	}
	data, err := io.ReadAll(io.LimitReader(body, int64(r.config.MaxImage)))
	if err != nil {
		return plain(err)
	}
	pic, err := r.images.Fit(data)
	if err != nil {
		return fmt.Errorf("it is a picture that cannot be used: %w", err)
	}
	sum := sha256.Sum256(pic.Data)
	result.Text = fmt.Sprintf("%s: a picture, %d × %d pixels", escape.Short(name, 200), pic.Width, pic.Height)
	result.Blobs = []hearth.Blob{{
		Hash: hex.EncodeToString(sum[:]), MIME: pic.MIME, Name: path.Base(name),
		Bytes: len(pic.Data), Width: pic.Width, Height: pic.Height, Data: pic.Data,
	}}
	result.Detail = tool.Detail(readDetail{Path: name, Bytes: size, Tainted: result.From != hearth.FromFile})
	return nil
}

// list shows a folder, since a model that asks to read one wants to know what is in it.
func (r *reader) list(dir *os.File, name string, result *hearth.ToolResult) error {
	const most, looked = 500, 10_000 // a folder can hold millions
	entries, err := dir.ReadDir(looked)
	if err != nil && !errors.Is(err, io.EOF) {
		return plain(err)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	result.From = hearth.FromFile
	var b strings.Builder
	fmt.Fprintf(&b, "%s is a folder", escape.Short(name, 200))
	if len(entries) == 0 {
		b.WriteString(" with nothing in it")
	}
	for i, e := range entries {
		if i == most {
			b.WriteString("\n" + unshown(len(entries)-most, len(entries) == looked))
			break
		}
		b.WriteString("\n" + escape.Line(e.Name()))
		if e.IsDir() {
			b.WriteByte('/')
		}
		if info, err := e.Info(); err != nil || r.config.Taints.Tainted(path.Join(name, e.Name()), info) {
			result.From = hearth.FromTool // a name is bytes too
		}
	}
	result.Text = b.String()
	result.Detail = tool.Detail(readDetail{Path: name})
	return nil
}

// unshown is the note below a list of names that goes on.
func unshown(names int, andMore bool) string {
	if andMore {
		return fmt.Sprintf("[more than %d others are not shown; use a command to see them]", names)
	}
	return fmt.Sprintf("[%d more are not shown]", names)
}

// nearby adds, to a missing file, the names in its folder that look like it.
func (r *reader) nearby(at spot, err error) string {
	if !errors.Is(err, fs.ErrNotExist) || at.name == "" {
		return ""
	}
	name := at.space.known(at.name)
	dir, err := at.root.Open(filepath.FromSlash(path.Dir(at.name)))
	if err != nil {
		return ""
	}
	defer func() { _ = dir.Close() }() // nothing was written through it
	entries, err := dir.ReadDir(1000)
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	want := strings.ToLower(path.Base(name))
	stem := strings.TrimSuffix(want, path.Ext(want))
	var like []string
	for _, e := range entries {
		have := strings.ToLower(e.Name())
		info, err := e.Info()
		if err != nil || r.config.Taints.Tainted(path.Join(path.Dir(name), e.Name()), info) {
			continue // this answer vouches for every name in it
		}
		if have == want || stem != "" && strings.HasPrefix(have, stem) || strings.TrimSuffix(have, path.Ext(have)) == stem {
			like = append(like, escape.Short(path.Join(path.Dir(name), e.Name()), 200))
		}
	}
	slices.Sort(like)
	if len(like) == 0 || len(like) > 5 {
		return ""
	}
	return "; there is " + strings.Join(like, ", ")
}

// isBinary looks at the beginning of a file. Text in any encoding but UTF-16 and
// UTF-32 has no NUL; legacy 8-bit text stays readable with its letters replaced.
func isBinary(head []byte) bool {
	if bytes.IndexByte(head, 0) >= 0 {
		return true
	}
	wrong := 0
	for i := 0; i < len(head); {
		r, size := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError && size == 1 && len(head)-i >= utf8.UTFMax || r < ' ' && !strings.ContainsRune("\t\n\r\f\b\x1b", r) {
			wrong++
		}
		i += size
	}
	return wrong*10 > len(head)*3
}

func binaryHint(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return "; it looks like UTF-16 text, which must be converted to UTF-8 first"
	case bytes.HasPrefix(head, []byte("%PDF-")):
		return "; it is a PDF"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return "; it is a ZIP archive or an office document"
	default:
		return ""
	}
}
