package config

import (
	"bytes"
	"errors"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"hearth/internal/json5"
)

// environment answers what a config may ask of variables. The order is the process,
// the .env files, the env block of the config, then the login shell where that is on.
type environment struct {
	process func(string) (string, bool)
	files   []map[string]string // .env of the working folder, of the state folder, of OpenClaw
	own     []map[string]string // of these, the owner's: the working folder may be anybody's project
	block   map[string]string   // env.vars and env.NAME
	shell   *loginShell         // nil where nobody asked for it
}

// lookup returns a variable that is set and not empty, for a ${NAME} of the config.
func (e *environment) lookup(name string) (string, bool) { return e.find(name, e.files) }

// lookupOwn is lookup without the .env of the working folder, for all else.
func (e *environment) lookupOwn(name string) (string, bool) { return e.find(name, e.own) }

// lookupPassed is lookup without any .env, for what a program gets to see.
func (e *environment) lookupPassed(name string) (string, bool) { return e.find(name, nil) }

func (e *environment) find(name string, files []map[string]string) (string, bool) {
	if v, ok := e.process(name); ok && v != "" {
		return v, true
	}
	if !strings.HasPrefix(name, "HEARTH_") {
		for _, f := range files {
			if v := f[name]; v != "" {
				return v, true
			}
		}
	}
	v := e.block[name]
	if v == "" {
		v = e.shell.lookup(name)
	}
	return v, v != ""
}

// newEnvironment reads the .env files. A missing one is no matter; one that cannot be
// read is a warning.
func newEnvironment(p Places, workDir string) (*environment, []Warning) {
	e := &environment{process: p.env}
	if workDir == "" {
		workDir, _ = os.Getwd() // without a working folder there is no .env in it
	}
	var warnings []Warning
	seen := map[string]bool{"": true}
	for _, dir := range []string{workDir, p.State, p.OpenClaw} {
		if seen[dir] {
			continue
		}
		seen[dir] = true
		path := filepath.Join(dir, ".env")
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			continue // Python keeps its virtual environments in such folders
		}
		text, err := readLimited(path, maxIncludeBytes)
		switch {
		case err == nil:
			e.files = append(e.files, parseDotenv(text))
			if dir == p.State || dir == p.OpenClaw {
				e.own = append(e.own, e.files[len(e.files)-1])
			}
		case !errors.Is(err, fs.ErrNotExist):
			warnings = append(warnings, Warning{Kind: Unreadable, File: path, Message: err.Error()})
		}
	}
	return e, warnings
}

var dotenvLine = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*?)\s*$`)

// parseDotenv reads NAME=value lines: "export" before the name, # comments, quotes of
// both kinds, \n and \" inside double quotes. Texts over several lines are not read.
func parseDotenv(text []byte) map[string]string {
	out := map[string]string{}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\r\n", "\n")) {
		m := dotenvLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue
		}
		out[m[1]] = dotenvValue(m[2])
	}
	return out
}

func dotenvValue(v string) string {
	if v == "" {
		return ""
	}
	if q := v[0]; q == '"' || q == '\'' {
		for i := 1; i < len(v); i++ {
			if q == '"' && v[i] == '\\' {
				i++
				continue
			}
			if v[i] != q {
				continue
			}
			if q == '\'' {
				return v[1:i]
			}
			return strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t", `\"`, `"`, `\\`, `\`).Replace(v[1:i])
		}
		return v
	}
	if i := strings.Index(v, " #"); i >= 0 {
		v = v[:i]
	}
	return strings.TrimSpace(v)
}

// reference matches ${NAME} and $${NAME}, the latter being a literal ${NAME}.
var reference = regexp.MustCompile(`\$?\$\{[A-Z_][A-Z0-9_]*\}`)

// reserved lists the texts that the .env of the working folder does not fill: it may be
// part of a stranger's project, and the agent itself may write there. What is left to it
// are credentials and names.
var reserved = []struct {
	paths *regexp.Regexp
	says  string
}{
	{regexp.MustCompile(`^(secrets|tools)[.\[]|[.\]](localService|tools)[.\[]|\.(source|provider)$|[^\]]\.id$`), "what is run or which secret is taken"},
	{regexp.MustCompile(`[.\]]request\.(tls|proxy)\.`), "where a key goes"},
	{regexp.MustCompile(`\.workspace$`), "where an agent works"},
	{regexp.MustCompile(`^skills\.load\.`), "where an agent's skills are"},
}

// addresses matches the paths of texts that say where a provider is.
var addresses = regexp.MustCompile(`[.\]]base(URL|Urls?)(\[\d+\])?$`)

// here reports whether an address is on this machine, whatever its port.
func here(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback() || strings.EqualFold(u.Hostname(), "localhost")
}

// A variable is what a text names, and whether only the owner's places may set it.
type variable struct {
	name string
	own  bool
}

// A substitution puts variables into the texts of a tree.
type substitution struct {
	env     *environment
	missing []finding
	// whole remembers texts that were one ${NAME} and nothing else, with the name,
	// and broken those that name a variable nobody has set.
	whole, broken map[*json5.Value]variable
}

func newSubstitution(env *environment) *substitution {
	return &substitution{env: env, whole: map[*json5.Value]variable{}, broken: map[*json5.Value]variable{}}
}

// tree returns v with its references replaced; what has none is shared with v.
func (s *substitution) tree(path string, v *json5.Value) *json5.Value {
	switch v.Kind {
	case json5.String:
		if strings.Contains(v.Text, "${") {
			return s.text(path, v)
		}
	case json5.Array:
		out := *v
		out.Elements = make([]*json5.Value, len(v.Elements))
		for i, e := range v.Elements {
			out.Elements[i] = s.tree(formatIndex(path, i), e)
		}
		return &out
	case json5.Object:
		out := *v
		out.Members = make([]json5.Member, len(v.Members))
		for i, m := range v.Members {
			m.Value = s.tree(joinKey(path, m.Key), m.Value)
			out.Members[i] = m
		}
		return &out
	default:
	}
	return v
}

func (s *substitution) text(path string, v *json5.Value) *json5.Value {
	out := *v
	text, missing := expandText(v.Text, s.env.lookup)
	says := ""
	for _, r := range reserved {
		if r.paths.MatchString(path) {
			says = r.says
			break
		}
	}
	if addresses.MatchString(path) && !here(text) {
		says = "where a key goes, unless that is this machine"
	}
	if says != "" {
		text, missing = expandText(v.Text, s.env.lookupOwn)
	}
	out.Text = text
	for _, name := range missing {
		s.broken[&out] = variable{missing[0], says != ""}
		soft := `missing env var "` + name + `" at ` + path
		if _, ok := s.env.lookup(name); ok {
			soft += ": the .env of the working folder does not say " + says
		}
		s.missing = append(s.missing, finding{kind: MissingEnv, path: path, full: path, at: v, soft: soft})
	}
	if len(missing) == 0 && reference.FindString(v.Text) == v.Text && !strings.HasPrefix(v.Text, "$$") {
		s.whole[&out] = variable{v.Text[2 : len(v.Text)-1], says != ""}
	}
	return &out
}

// expandText replaces the references in a text, and lists the names that lookup lacks.
func expandText(text string, lookup func(string) (string, bool)) (out string, missing []string) {
	out = reference.ReplaceAllStringFunc(text, func(ref string) string {
		if strings.HasPrefix(ref, "$$") {
			return ref[1:]
		}
		name := ref[2 : len(ref)-1]
		value, ok := lookup(name)
		if !ok {
			missing = append(missing, name)
			return ref
		}
		return value
	})
	return out, missing
}
