package config

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"hearth"
	"hearth/internal/json5"
)

// Bounds of secret providers that set none.
const (
	secretTimeout  = 5 * time.Second
	secretMaxBytes = 1 << 20
	// secretWait is how long a killed program's children may hold its output open.
	secretWait = time.Second
)

// Resolve gives the text of a secret. It asks anew every time: variables, files and
// programs may change. It may block while a program runs, up to the provider's
// timeout or ctx. A zero Secret gives "". The error is a *hearth.Error of
// ReasonNoCredential and never holds a secret.
func (f *File) Resolve(ctx context.Context, s Secret) (string, error) {
	text, err := f.resolve(ctx, s)
	if err != nil {
		return "", &hearth.Error{
			Op: "resolve secret " + s.String(), Reason: hearth.ReasonNoCredential, Err: err,
			Try: "set it, or write the credential at the place in " + filepath.Base(f.Places.Config) + " that names it",
		}
	}
	return text, nil
}

func (f *File) resolve(ctx context.Context, s Secret) (string, error) {
	switch {
	case s.env.name != "":
		return f.variable(s.env)
	case s.ref == nil:
		return s.text, nil
	case s.ref.Source == "store":
		return "", errors.New(noStore)
	}
	p, err := f.secretProvider(*s.ref)
	if err != nil {
		return "", err
	}
	var text string
	switch s.ref.Source {
	case "env":
		if len(p.Allowlist) > 0 && !slices.Contains(p.Allowlist, s.ref.ID) {
			return "", errors.New("the provider's allowlist does not name it")
		}
		return f.variable(variable{s.ref.ID, true})
	case "file":
		text, err = f.secretFromFile(p, s.ref.ID)
	case "exec":
		text, err = f.secretFromProgram(ctx, p, *s.ref)
	}
	if err == nil && text == "" {
		err = errors.New("the value is empty")
	}
	return text, err
}

func (f *File) variable(v variable) (string, error) {
	lookup := f.env.lookup
	if v.own {
		lookup = f.env.lookupOwn
	}
	if text, ok := lookup(v.name); ok {
		return text, nil
	}
	err := fmt.Errorf("environment variable %s is not set", v.name)
	if _, ok := f.env.lookup(v.name); ok {
		err = fmt.Errorf("%w; the .env of the working folder serves ${%s} only", err, v.name)
	}
	return "", err
}

var (
	aliasForm  = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)
	envIDForm  = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,127}$`)
	execIDForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]{0,255}$`)
)

// secretProvider finds the provider of a reference and checks the reference's form.
// The environment needs no provider; files and programs do.
func (f *File) secretProvider(ref SecretRef) (SecretProvider, error) {
	secrets := f.Config.Secrets
	usual := map[string]string{"env": secrets.Defaults.Env, "file": secrets.Defaults.File, "exec": secrets.Defaults.Exec}[ref.Source]
	alias := cmp.Or(ref.Provider, usual, "default")
	if !aliasForm.MatchString(alias) {
		return SecretProvider{}, fmt.Errorf("%q is not a provider name", alias)
	}
	switch {
	case ref.Source == "env" && !envIDForm.MatchString(ref.ID),
		ref.Source == "exec" && (!execIDForm.MatchString(ref.ID) || slices.Contains(strings.Split(ref.ID, "/"), "..")):
		return SecretProvider{}, fmt.Errorf("%q is not an id of that source", ref.ID)
	}
	p, ok := secrets.Providers[alias]
	switch {
	case ok && p.Source == ref.Source:
		return p, nil
	case ref.Source == "env" && !ok && alias == cmp.Or(usual, "default"):
		return SecretProvider{Source: "env"}, nil
	case ok:
		return SecretProvider{}, fmt.Errorf("secrets.providers.%s has source %q", alias, p.Source)
	}
	return SecretProvider{}, fmt.Errorf("there is no secrets.providers.%s", alias)
}

// secretFromFile reads a file of one value, or a value of a JSON file by its pointer.
func (f *File) secretFromFile(p SecretProvider, id string) (string, error) {
	path := f.Places.expand(p.Path)
	if p.Path == "" {
		return "", errors.New("the provider has no path")
	}
	if err := trustworthy(path, p.AllowInsecurePath); err != nil {
		return "", err
	}
	text, err := readLimited(path, int64(cmp.Or(p.MaxBytes, secretMaxBytes)))
	if err != nil {
		return "", err
	}
	if p.Mode == "singleValue" {
		return strings.TrimRight(string(text), "\r\n"), nil
	}
	doc, err := json5.Parse(filepath.Base(path), text)
	if err != nil {
		return "", errors.New("the file does not parse as JSON") // the error would quote a line of it
	}
	v := pointer(doc.Root, id)
	if v == nil || v.Kind != json5.String {
		return "", fmt.Errorf("the file has no text at %s", id)
	}
	return v.Text, nil
}

// pointer follows a JSON pointer (RFC 6901).
func pointer(v *json5.Value, id string) *json5.Value {
	if !strings.HasPrefix(id, "/") {
		return nil
	}
	for part := range strings.SplitSeq(id[1:], "/") {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		if v = v.Get(part); v == nil {
			return nil
		}
	}
	return v
}

// trustworthy refuses a file that other people on the machine can change: they could
// choose the credential, or the program that is run.
func trustworthy(path string, insecure bool) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	const others = fs.FileMode(0o022)
	if runtime.GOOS != "windows" && !insecure && info.Mode().Perm()&others != 0 {
		return fmt.Errorf("%s can be changed by other users (chmod go-w it, or set allowInsecurePath)", path)
	}
	return nil
}

// secretFromProgram runs the provider's program, without a shell, with the variables
// it was promised and nothing else. It gets one line of JSON on stdin and answers with
// an object of values, or, with jsonOnly off, with the bare value.
func (f *File) secretFromProgram(ctx context.Context, p SecretProvider, ref SecretRef) (string, error) {
	if err := f.mayRun(p); err != nil {
		return "", err
	}
	timeout := secretTimeout
	if p.TimeoutMS > 0 {
		timeout = time.Duration(p.TimeoutMS) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ask, err := json.Marshal(secretQuestion{ProtocolVersion: 1, Provider: ref.Provider, IDs: []string{ref.ID}})
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, p.Command, p.Args...) //nolint:gosec // the owner's config names the program; mayRun checked it
	cmd.Dir = filepath.Dir(p.Command)
	cmd.Env = f.programEnv(p)
	cmd.Stdin = bytes.NewReader(ask)
	cmd.WaitDelay = secretWait
	out := &capped{limit: cmp.Or(p.MaxOutputBytes, secretMaxBytes)}
	cmd.Stdout = out
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("%s gave no answer within %s", p.Command, timeout)
	case out.over:
		return "", fmt.Errorf("%s wrote more than %d bytes", p.Command, out.limit)
	case err != nil:
		return "", fmt.Errorf("%s: %w", p.Command, err)
	}
	return secretAnswer(out.buf.Bytes(), ref.ID, p.JSONOnly == nil || *p.JSONOnly)
}

type secretQuestion struct {
	ProtocolVersion int      `json:"protocolVersion"`
	Provider        string   `json:"provider"`
	IDs             []string `json:"ids"`
}

// secretAnswer reads what the program wrote.
func secretAnswer(out []byte, id string, jsonOnly bool) (string, error) {
	var answer struct {
		ProtocolVersion int                        `json:"protocolVersion"`
		Values          map[string]json.RawMessage `json:"values"`
		Errors          map[string]struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(out, &answer); err != nil || answer.ProtocolVersion != 1 {
		if jsonOnly {
			return "", errors.New(`the program's answer is not {"protocolVersion":1,"values":{…}}`)
		}
		return strings.TrimSpace(string(out)), nil
	}
	if e, ok := answer.Errors[id]; ok {
		return "", fmt.Errorf("the program says: %s", cmp.Or(e.Message, "not found"))
	}
	var text string
	if err := json.Unmarshal(answer.Values[id], &text); err != nil {
		return "", errors.New("the program's answer has no text for that id")
	}
	return text, nil
}

// mayRun checks the program before it is started.
func (f *File) mayRun(p SecretProvider) error {
	if !filepath.IsAbs(p.Command) {
		return fmt.Errorf("command %q is not an absolute path", p.Command)
	}
	info, err := os.Lstat(p.Command)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 && !p.AllowSymlinkCommand {
		return fmt.Errorf("%s is a symbolic link (name its target, or set allowSymlinkCommand)", p.Command)
	}
	program := realPath(p.Command)
	trusted := func(dir string) bool { return inside(realPath(f.Places.expand(dir)), program) }
	if len(p.TrustedDirs) > 0 && !slices.ContainsFunc(p.TrustedDirs, trusted) {
		return fmt.Errorf("%s lies outside trustedDirs", program)
	}
	return trustworthy(program, p.AllowInsecurePath)
}

// programEnv holds the variables that the provider passes on or sets. Windows cannot
// start most programs without SystemRoot.
func (f *File) programEnv(p SecretProvider) []string {
	pass := p.PassEnv
	if runtime.GOOS == "windows" {
		pass = append(slices.Clone(pass), "SystemRoot")
	}
	env := []string{}
	for _, name := range pass {
		if v, ok := f.env.lookupPassed(name); ok {
			env = append(env, name+"="+v)
		}
	}
	for name, v := range p.Env {
		env = append(env, name+"="+v)
	}
	return env
}

// capped is a buffer that refuses to grow beyond its limit. The buffer is no embedded
// field: its ReadFrom would let everything in.
type capped struct {
	buf   bytes.Buffer
	limit int
	over  bool
}

// Write fails once the limit is passed, which ends the program's run.
func (c *capped) Write(p []byte) (int, error) {
	if c.buf.Len()+len(p) > c.limit {
		c.over = true
		return 0, errors.New("too much output")
	}
	return c.buf.Write(p)
}
