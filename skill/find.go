package skill

import (
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
)

// A Place is a folder that holds skills: each in a folder of its own, or one level
// further down, where people group them; or the folder is a skill itself.
type Place struct {
	// Base is the folder that nothing may lead out of, and Sub the one in it that holds
	// the skills, by slashes; "" is Base itself.
	Base, Sub string
}

// A Skill is one that was found.
type Skill struct {
	Manifest
	Dir     string      // its folder, absolute
	Base    string      // of the place it was found in
	File    string      // its file below Base, by slashes
	Version string      // changes with any byte of its file
	Info    fs.FileInfo // of its file
}

// Path is where the file of a skill is, absolute.
func (s *Skill) Path() string { return filepath.Join(s.Base, filepath.FromSlash(s.File)) }

// A Reject is a folder that looks like a skill and is none.
type Reject struct {
	Path string // of its file, absolute
	Err  error
}

// Bounds on what is looked at in one place: a folder of the wrong kind may be named.
const (
	mostFolders  = 300
	mostSkills   = 200
	fileMaxBytes = 256_000
	fileName     = "SKILL.md"
)

// Find gives the skills of all places, the first place first, within a place by the names
// of their folders, those in groups last. It reads the file system and changes nothing. A place that is not
// there holds none.
func Find(places []Place) (found []Skill, rejects []Reject) {
	for _, p := range places {
		f := finder{base: p.Base}
		f.look(p)
		found, rejects = append(found, f.found...), append(rejects, f.rejects...)
	}
	return found, rejects
}

// finder looks through one place.
type finder struct {
	base    string
	root    *os.Root
	folders int
	found   []Skill
	rejects []Reject
}

func (f *finder) look(p Place) {
	if _, err := os.Stat(filepath.Join(p.Base, filepath.FromSlash(p.Sub))); errors.Is(err, fs.ErrNotExist) {
		return // as most places are, at every message
	}
	root, err := os.OpenRoot(p.Base)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			f.reject(p.Sub, err)
		}
		return
	}
	defer func() { _ = root.Close() }() // it was only looked at
	f.root = root
	top := path.Clean(p.Sub)
	if f.skill(top) {
		return
	}
	groups := slices.DeleteFunc(f.within(top), f.skill) // a link to its own folder shadows nothing
	for _, dir := range groups {
		for _, inner := range f.within(dir) {
			f.skill(inner)
		}
	}
}

// within lists the folders in a folder, by name. Links count as what they lead to.
func (f *finder) within(dir string) []string {
	entries, err := fs.ReadDir(f.root.FS(), dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			f.reject(dir, err)
		}
		return nil
	}
	var out []string
	for _, e := range entries {
		if name := e.Name(); strings.HasPrefix(name, ".") || name == "node_modules" || !f.mayHold(dir, e) {
			continue
		}
		if f.folders++; f.folders > mostFolders {
			break
		}
		out = append(out, path.Join(dir, e.Name()))
	}
	return out
}

// mayHold reports whether an entry of a folder is one, or a link that is not known to lead
// to anything else.
func (f *finder) mayHold(dir string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := f.root.Stat(path.Join(dir, e.Name()))
	return err != nil || info.IsDir()
}

// skill takes a folder as a skill, and reports whether it looks like one.
func (f *finder) skill(dir string) bool {
	if len(f.found) >= mostSkills {
		return false
	}
	name := path.Join(dir, fileName)
	text, info, err := f.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	var m Manifest
	if err == nil {
		m, err = Parse(text)
	}
	if err != nil {
		f.reject(name, err)
		return true
	}
	sum := sha256.Sum256(text)
	f.found = append(f.found, Skill{
		Manifest: m, Dir: filepath.Join(f.base, filepath.FromSlash(dir)), Base: f.base, File: name,
		Version: hex.EncodeToString(sum[:8]), Info: info,
	})
	return true
}

// read gives a file below the base, and never one elsewhere.
func (f *finder) read(name string) (text []byte, info fs.FileInfo, err error) {
	info, err = f.root.Stat(name) // before it is opened: opening a pipe waits
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New("it is not a file")
	}
	if info.Size() > fileMaxBytes {
		return nil, nil, fmt.Errorf("it is longer than %d bytes", fileMaxBytes)
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err = io.ReadAll(io.LimitReader(file, fileMaxBytes))
	return text, info, err
}

func (f *finder) reject(name string, err error) {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	f.rejects = append(f.rejects, Reject{Path: filepath.Join(f.base, filepath.FromSlash(name)), Err: err})
}
