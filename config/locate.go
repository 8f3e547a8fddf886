package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// FileName is the name of the config file in the state folder.
const FileName = "hearth.json"

// Options says where Load looks. The zero value means the real machine.
type Options struct {
	// Path is the file that the person named with --config; "" if none.
	Path string
	// LookupEnv reads the environment of the process; nil means os.LookupEnv.
	LookupEnv func(name string) (string, bool)
	// HomeDir is the person's home folder; "" means os.UserHomeDir.
	HomeDir string
	// WorkDir is the folder whose .env is read first; "" means the working directory.
	WorkDir string
	// ReadOnly keeps Load from writing anything, the last good copy included.
	ReadOnly bool
}

// Places is where things are on this machine.
type Places struct {
	// Config is the config file in use. It need not exist.
	Config string
	// Origin says why: "--config", "HEARTH_CONFIG", "HEARTH_HOME",
	// "OPENCLAW_CONFIG_PATH", "" for the usual places.
	Origin string
	// State is Hearth's own folder: $HEARTH_HOME or ~/.hearth.
	State string
	// Target is the file that edits write. It differs from Config when Config belongs
	// to OpenClaw: the first edit copies it to Target.
	Target string
	// OpenClaw is OpenClaw's folder, ~/.openclaw; "" when HEARTH_HOME or
	// HEARTH_CONFIG keeps Hearth from looking there.
	OpenClaw string

	home string
	env  func(string) (string, bool)
}

// Locate finds the config file and the folders without reading a config. It fails
// only when the home folder is needed and unknown.
func Locate(o Options) (Places, error) {
	p := Places{home: o.HomeDir, env: o.LookupEnv}
	if p.env == nil {
		p.env = os.LookupEnv
	}
	homeErr := error(nil)
	if p.home == "" {
		p.home, homeErr = os.UserHomeDir()
	}
	hearthHome := p.variable("HEARTH_HOME")
	if hearthHome == "" && homeErr != nil {
		return p, fmt.Errorf("locate config: %w; set HEARTH_HOME to a folder of your choice", homeErr)
	}
	p.State = filepath.Join(p.home, ".hearth")
	if hearthHome != "" {
		p.State = p.expand(hearthHome)
	}
	p.choose(o.Path, hearthHome != "")
	p.Target = p.Config
	if p.Foreign(p.Config) {
		p.Target = filepath.Join(p.State, FileName)
	}
	return p, nil
}

// choose picks the first config file of the list in the package comment.
func (p *Places) choose(flag string, ownHome bool) {
	own := filepath.Join(p.State, FileName)
	named := p.variable("HEARTH_CONFIG")
	if !ownHome && named == "" {
		p.OpenClaw = filepath.Join(p.home, ".openclaw")
	}
	theirs := p.variable("OPENCLAW_CONFIG_PATH")
	switch {
	case flag != "":
		p.Config, p.Origin = p.expand(flag), "--config"
	case named != "":
		p.Config, p.Origin = p.expand(named), "HEARTH_CONFIG"
	case ownHome:
		p.Config, p.Origin = own, "HEARTH_HOME"
	case theirs != "" && exists(p.expand(theirs)) && !p.copied(p.expand(theirs)):
		p.Config, p.Origin = p.expand(theirs), "OPENCLAW_CONFIG_PATH"
	case !exists(own) && exists(filepath.Join(p.OpenClaw, "openclaw.json")):
		p.Config = filepath.Join(p.OpenClaw, "openclaw.json")
	default:
		p.Config = own
	}
}

// copied reports whether Hearth's own file is there and was made from a file of
// OpenClaw's: that file was in use until the first edit, and its copy is from then on.
func (p *Places) copied(path string) bool {
	own := filepath.Join(p.State, FileName)
	if !p.Foreign(path) || !exists(own) {
		return false
	}
	from, err := readLimited(own+copiedFrom, maxPathBytes)
	return err == nil && strings.TrimSpace(string(from)) == path
}

// copiedFrom ends the name of the file beside a copy that says what it is a copy of.
const (
	copiedFrom   = ".copied-from"
	maxPathBytes = 1 << 16
)

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// named reports whether somebody named this very file.
func (p *Places) named() bool { return p.Origin == "--config" || p.Origin == "HEARTH_CONFIG" }

func (p *Places) variable(name string) string {
	v, ok := p.env(name)
	if !ok {
		return ""
	}
	return strings.TrimSpace(v)
}

// Expand makes a path that a person wrote absolute; ~ is the home folder.
func (p Places) Expand(path string) string { return p.expand(path) }

// expand makes a path absolute; ~ is the home folder.
func (p *Places) expand(path string) string {
	if path == "~" || strings.HasPrefix(path, "~/") || runtime.GOOS == "windows" && strings.HasPrefix(path, `~\`) {
		path = filepath.Join(p.home, path[1:])
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// Foreign reports whether a file lies in OpenClaw's folder, where Hearth never
// writes. Symbolic links are followed on both sides.
func (p *Places) Foreign(path string) bool {
	theirs := filepath.Join(p.home, ".openclaw")
	return p.home != "" && (inside(theirs, path) || inside(realPath(theirs), realPath(path)))
}

// inside reports whether path is below dir.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// realPath follows symbolic links as far as the path exists.
func realPath(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	dir, base := filepath.Split(filepath.Clean(path))
	if dir == "" || dir == path {
		return path
	}
	return filepath.Join(realPath(dir), base)
}

// A NowhereError refuses an edit that would be written where nobody reads it: the config
// in use lies in OpenClaw's folder, and Hearth would go on reading it instead of a copy.
type NowhereError struct{ Config, Origin, Own string } // Own is Hearth's file, "" where none is in the way

// Error names the file and who named it.
func (e *NowhereError) Error() string {
	text := e.Config + " (" + e.Origin + ") is OpenClaw's, where Hearth never writes"
	if e.Own != "" {
		text += ", and " + e.Own + " is not a copy of it"
	}
	return text
}
