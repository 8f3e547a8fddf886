// The rules of the house, as a test: who may import whom, how large things may grow,
// and the few habits that a compiler cannot refuse. It parses files and runs nothing,
// so it is quick, needs no tool and also sees files of other operating systems.
//
// A rule is changed here, in a commit that says why. TestRulesCanFail shows each of
// them refusing something.
package hearth_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	kinds   = "every kind"   // model, tool, session, channel, policy
	members = "every member" // the packages below a kind
)

// kindRooms define what something is; the packages below them are its members.
var kindRooms = []string{"channel", "model", "policy", "session", "tool"}

// mayUse lists, for every room that is not a kind, what it may import besides the
// shared types, internal/* and its own subfolders. The longest matching row counts.
// Kinds and members follow the general rule in refusal; cmd and test know everyone.
var mayUse = map[string][]string{
	"agent":          {kinds, "prompt"},
	"config":         {kinds},
	"doctor":         {kinds, members, "config"},
	"gateway":        {kinds, "web"},
	"gateway/client": {"gateway/wire"},
	"gateway/wire":   {},
	"prompt":         {kinds},
	"relay":          {kinds},
	"skill":          {},
	"trace":          {kinds},
	"tui":            {"gateway/client", "gateway/wire"},
	"web":            {},
}

// explained holds what is larger than the house likes, with the reason. The key is the
// one in the complaint. A line that is no longer needed is itself a complaint.
var explained = map[string]string{}

// limit says above which number a measure needs a reason, and above which none helps.
type limit struct{ explain, refuse int }

var limits = map[string]limit{
	"file lines":        {500, 800},
	"function lines":    {60, 120},
	"parameters":        {5, 6},
	"interface methods": {5, 8},
	"import depth":      {8, 10},
	"import fan-out":    {12, 15},
}

func TestHouseRules(t *testing.T) {
	for _, c := range inspect(t, os.DirFS("."), explained) {
		t.Error(c)
	}
}

// house is what the walk collects: the parsed files and the import graph.
type house struct {
	fset       *token.FileSet
	module     string
	explained  map[string]string
	used       map[string]bool // keys of explained that were needed
	imports    map[string]map[string]bool
	documented map[string]bool // folder holding a package → its doc comment was seen
	complaints []string
}

// file is one parsed source file and what the rules ask about it.
type file struct {
	name    string // slash path in the repository
	dir     string // its folder, "" for the root
	ast     *ast.File
	names   map[string]string // local name → import path
	isTest  bool              // a _test.go file, or in a folder that exists for tests
	lines   int
	written bool // by a person, not by a generator
}

func inspect(t *testing.T, fsys fs.FS, explained map[string]string) []string {
	t.Helper()
	h := &house{
		fset: token.NewFileSet(), module: "hearth", explained: explained, used: map[string]bool{},
		imports: map[string]map[string]bool{}, documented: map[string]bool{},
	}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return h.enter(fsys, name)
		case path.Ext(name) != ".go":
			return nil
		}
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		return h.read(name, src)
	})
	if err != nil {
		t.Fatalf("read the source tree: %v", err)
	}
	h.finish()
	slices.Sort(h.complaints)
	return h.complaints
}

// enter decides whether a folder belongs to the house.
func (h *house) enter(fsys fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	base := path.Base(dir)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") ||
		slices.Contains([]string{"testdata", "node_modules", "vendor"}, base) || dir == "bin" || dir == "dist" {
		return fs.SkipDir
	}
	if _, err := fs.Stat(fsys, path.Join(dir, "go.mod")); err == nil {
		if room(dir) != "test" {
			h.complain(dir+"/go.mod", "a second module hides code from these rules; only test/ may hold one")
		}
		return fs.SkipDir
	}
	return nil
}

func (h *house) read(name string, src []byte) error {
	parsed, err := parser.ParseFile(h.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	dir := strings.TrimPrefix(path.Dir(name), ".")
	f := &file{
		name: name, dir: dir, ast: parsed, names: map[string]string{},
		isTest:  strings.HasSuffix(name, "_test.go") || isSuite(dir) || room(dir) == "test",
		lines:   h.fset.File(parsed.Pos()).LineCount(),
		written: !ast.IsGenerated(parsed),
	}
	h.checkPackage(f)
	h.checkImports(f)
	h.checkHabits(f)
	if f.written && !f.isTest {
		h.checkSizes(f)
	}
	return nil
}

func (h *house) finish() {
	for _, dir := range slices.Sorted(maps.Keys(h.documented)) {
		if !h.documented[dir] {
			h.complain("./"+dir, "no package comment: say in a sentence what the package gives")
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(h.imports)) {
		if r := room(dir); r == "cmd" || r == "test" {
			continue
		}
		h.measure("./"+dir, dir, "import fan-out", len(h.imports[dir]))
		h.measure("./"+dir, dir, "import depth", h.depth(dir))
	}
	for key := range h.explained {
		if !h.used[key] {
			h.complain("layout_test.go", "explained[%q] is no longer needed: delete the line", key)
		}
	}
}

// depth is the number of packages in the longest import chain that starts at dir.
func (h *house) depth(dir string) int {
	deepest := 0
	for to := range h.imports[dir] {
		deepest = max(deepest, h.depth(to))
	}
	return deepest + 1
}

func (h *house) complain(where, format string, args ...any) {
	h.complaints = append(h.complaints, where+": "+fmt.Sprintf(format, args...))
}

func (h *house) at(n ast.Node) string {
	p := h.fset.Position(n.Pos())
	return p.Filename + ":" + strconv.Itoa(p.Line)
}

// measure complains when n is over the limit of what and nobody explained it.
func (h *house) measure(where, key, what string, n int) {
	l := limits[what]
	if n <= l.explain {
		return
	}
	h.used[key] = true
	if n > l.refuse {
		h.complain(where, "%s has %d %s, more than %d: split it", key, n, what, l.refuse)
	} else if h.explained[key] == "" {
		h.complain(where, "%s has %d %s, more than %d: split it, or give a reason in explained[%q]", key, n, what, l.explain, key)
	}
}

// Packages: names and doc comments.

var packageName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// emptyWords name no thing, so a package called that attracts everything.
var emptyWords = []string{
	"base", "common", "core", "helper", "helpers", "manager", "misc", "models", "pkg",
	"shared", "types", "util", "utils",
}

func (h *house) checkPackage(f *file) {
	name := strings.TrimSuffix(f.ast.Name.Name, "_test")
	if !packageName.MatchString(name) || slices.Contains(emptyWords, name) || slices.Contains(emptyWords, path.Base(f.dir)) {
		h.complain(h.at(f.ast.Name), "package %q: use one lower-case noun that says what it gives", f.ast.Name.Name)
	}
	if name != "main" && f.dir != "" && name != path.Base(f.dir) && !buildIgnored(f.ast) {
		h.complain(h.at(f.ast.Name), "package %s lives in folder %s: use one name", name, path.Base(f.dir))
	}
	if strings.HasSuffix(f.name, "_test.go") || buildIgnored(f.ast) {
		return // a test file's comment describes the test, not the package
	}
	h.documented[f.dir] = h.documented[f.dir] || documents(f.ast)
}

// documents reports whether f holds the doc comment of its package.
func documents(f *ast.File) bool {
	if f.Name.Name == "main" {
		return strings.TrimSpace(f.Doc.Text()) != ""
	}
	return strings.HasPrefix(f.Doc.Text(), "Package "+f.Name.Name+" ")
}

// buildIgnored reports whether f is a program of its own that only go:generate runs.
func buildIgnored(f *ast.File) bool {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if c.Pos() < f.Package && c.Text == "//go:build ignore" {
				return true
			}
		}
	}
	return false
}

// Imports: who may know whom.

// barredPaths may be imported by nobody, with the reason.
var barredPaths = map[string]string{
	"C":             "the product is built without cgo",
	"html/template": "it keeps every exported method in the binary",
	"text/template": "it keeps every exported method in the binary",
	"io/ioutil":     "use io and os",
	"log":           "use log/slog, from a logger that was handed in",
}

// execRooms may start other programs: the guard was asked (tool/shell), the config names
// the program (a secret's source, a model server), or the person at the terminal did.
// internal/process only knows how.
var execRooms = []string{"cmd/hearth", "config", "internal/process", "model/service", "tool/shell"}

func (h *house) checkImports(f *file) {
	for _, spec := range f.ast.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			h.complain(h.at(spec), "import path %s is not a string", spec.Path.Value)
			continue
		}
		local := localName(spec, to)
		f.names[local] = to
		if why := barredPaths[to]; why != "" && !f.isTest {
			h.complain(h.at(spec), "import of %s: %s", to, why)
		}
		if to == "os/exec" && !f.isTest && !slices.Contains(execRooms, f.dir) {
			h.complain(h.at(spec), "import of os/exec: %s may not start programs", label(f.dir))
		}
		if local == "." {
			h.complain(h.at(spec), "dot import of %s hides where a name comes from", to)
		}
		if to != h.module && !strings.HasPrefix(to, h.module+"/") {
			continue
		}
		to = strings.TrimPrefix(strings.TrimPrefix(to, h.module), "/")
		if strings.HasSuffix(f.name, "_test.go") || buildIgnored(f.ast) {
			continue // tests use the real parts they need; the compiler forbids the cycles
		}
		if h.imports[f.dir] == nil {
			h.imports[f.dir] = map[string]bool{}
		}
		h.imports[f.dir][to] = true
		if why := refusal(f.dir, to); why != "" {
			h.complain(h.at(spec), "%s may not import %s: %s", label(f.dir), label(to), why)
		}
	}
	if r := room(f.dir); r != "" && r != "cmd" && r != "test" && r != "internal" && !slices.Contains(kindRooms, r) && mayUse[r] == nil {
		h.complain(h.at(f.ast.Name), "%s is not on the map: add the room to mayUse and to ARCHITECTURE.md", r)
	}
}

func localName(spec *ast.ImportSpec, to string) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	base := path.Base(to)
	if regexp.MustCompile(`^v[0-9]+$`).MatchString(base) {
		base = path.Base(path.Dir(to))
	}
	return base
}

// refusal says why package from may not import package to; "" means that it may. Both
// are folders of this repository, "" being the shared types at its root.
func refusal(from, to string) string {
	switch {
	case room(to) == "cmd" || room(to) == "test":
		if room(from) == room(to) {
			return ""
		}
		return "nothing stands on " + room(to)
	case room(from) == "test":
		return ""
	case isSuite(to) && !isSuite(from):
		return "a conformance suite is for tests"
	case room(from) == "cmd":
		return ""
	case from == "":
		return "the shared types import nothing of ours"
	case room(from) == "internal":
		if within(to, firstTwo(from)) {
			return ""
		}
		return "plumbing imports nothing of ours"
	case to == "" || room(to) == "internal":
		return ""
	case slices.Contains(kindRooms, room(from)):
		return kindRefusal(from, to)
	}
	row := from
	for mayUse[row] == nil && row != "." {
		row = path.Dir(row)
	}
	switch {
	case within(to, row),
		slices.Contains(mayUse[row], to),
		slices.Contains(mayUse[row], kinds) && slices.Contains(kindRooms, to),
		slices.Contains(mayUse[row], members) && slices.Contains(kindRooms, room(to)):
		return ""
	case to == "config":
		return "only cmd and doctor read the config file; take a plain Config"
	case to == "trace":
		return "what happened goes up as values; only cmd knows trace"
	case slices.Contains(kindRooms, room(to)):
		return "it knows the kind " + room(to) + ", not its members; let cmd hand it in"
	}
	return "no such edge in mayUse"
}

// kindRefusal judges the imports of a kind, which may use none of our rooms, and of a
// member, which may use its kind.
func kindRefusal(from, to string) string {
	kind := room(from)
	switch {
	case within(to, kind+"/internal"):
		return ""
	case from == kind:
		return "a kind imports only the shared types and internal/*"
	case to == kind || within(to, firstTwo(from)):
		return ""
	case room(to) == kind:
		return "a member never imports another member; let cmd hand it in"
	default:
		return "a member knows its own kind only"
	}
}

// room is the first element of a folder.
func room(dir string) string { return strings.SplitN(dir, "/", 2)[0] }

func firstTwo(dir string) string {
	parts := strings.SplitN(dir, "/", 3)
	return strings.Join(parts[:min(len(parts), 2)], "/")
}

func within(dir, root string) bool { return dir == root || strings.HasPrefix(dir, root+"/") }

// isSuite reports whether dir holds a conformance suite, such as model/modeltest.
func isSuite(dir string) bool {
	return slices.Contains(kindRooms, room(dir)) && strings.HasPrefix(dir, room(dir)+"/"+room(dir)+"test")
}

func label(dir string) string {
	if dir == "" {
		return "package hearth"
	}
	return dir
}

// Habits: what a package may not mention, and how it may not be written.

// netWords are the ways to reach the network that only internal/netguard may use, so
// that no request goes out unchecked.
var netWords = map[string][]string{
	"net":        {"Dial", "DialIP", "DialTCP", "DialTimeout", "DialUDP", "DialUnix", "Dialer"},
	"net/http":   {"DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm", "Transport"},
	"crypto/tls": {"Dial", "DialWithDialer", "Dialer"},
}

// randWords make a generator of one's own; everything else in math/rand is a global.
var randWords = []string{"ChaCha8", "New", "NewChaCha8", "NewPCG", "NewSource", "NewZipf", "PCG", "Rand", "Source", "Zipf"}

var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b|(?i)\bfor now\b`)

func (h *house) checkHabits(f *file) {
	for _, group := range f.ast.Comments {
		for _, c := range group.List {
			if m := unfinished.FindString(c.Text); m != "" {
				h.complain(h.at(c), "comment says %q: finish it, or describe what is", m)
			}
		}
	}
	bubbles := synctestBubbles(f)
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			h.checkMention(f, n, bubbles)
		case *ast.CompositeLit:
			if f.mentions(n.Type, "net/http", "Client") && !f.isTest && f.dir != "internal/netguard" && !hasField(n, "Transport") {
				h.complain(h.at(n), "http.Client without a Transport uses the global one; take a client of internal/netguard")
			}
		case *ast.CallExpr:
			if !f.isTest && errorText(f, n, "failed to") {
				h.complain(h.at(n), `error text says "failed to": write "operation: cause"`)
			}
		case *ast.FuncDecl:
			h.checkFuncHabits(f, n)
		}
		return true
	})
}

func (h *house) checkMention(f *file, sel *ast.SelectorExpr, bubbles []ast.Node) {
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return
	}
	from, name := f.names[x.Name], sel.Sel.Name
	switch {
	case slices.Contains(netWords[from], name) && !f.isTest && f.dir != "internal/netguard":
		h.complain(h.at(sel), "%s.%s: only internal/netguard reaches the network", x.Name, name)
	case strings.HasPrefix(from, "math/rand") && !slices.Contains(randWords, name) && !f.isTest:
		h.complain(h.at(sel), "%s.%s draws from a global generator: hand one in", x.Name, name)
	case from == "time" && name == "Sleep":
		if !slices.ContainsFunc(bubbles, func(b ast.Node) bool { return b.Pos() <= sel.Pos() && sel.End() <= b.End() }) {
			h.complain(h.at(sel), "time.Sleep: wait for the event; in a test, use a testing/synctest bubble")
		}
	}
}

func (h *house) checkFuncHabits(f *file, fn *ast.FuncDecl) {
	if f.isTest {
		return
	}
	if fn.Name.Name == "init" && fn.Recv == nil {
		h.complain(h.at(fn), "func init: nothing registers itself; cmd assembles")
	}
	for i, p := range fn.Type.Params.List {
		if i > 0 && f.mentions(p.Type, "context", "Context") {
			h.complain(h.at(fn), "%s: context.Context is the first parameter", fn.Name.Name)
		}
	}
	if fn.Type.Results == nil || !strings.HasPrefix(fn.Name.Name, "With") {
		return
	}
	for _, r := range fn.Type.Results.List {
		if id, ok := r.Type.(*ast.Ident); ok && strings.HasSuffix(id.Name, "Option") {
			h.complain(h.at(fn), "%s is a functional option: use a field of Config", fn.Name.Name)
		}
	}
}

// mentions reports whether expr is the name pkg.name of an import.
func (f *file) mentions(expr ast.Expr, pkg, name string) bool {
	sel, ok := expr.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && f.names[x.Name] == pkg
}

func hasField(lit *ast.CompositeLit, field string) bool {
	return slices.ContainsFunc(lit.Elts, func(e ast.Expr) bool {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return false
		}
		key, ok := kv.Key.(*ast.Ident)
		return ok && key.Name == field
	})
}

// errorText reports whether call makes an error whose text holds words.
func errorText(f *file, call *ast.CallExpr, words string) bool {
	if len(call.Args) == 0 || !f.mentions(call.Fun, "fmt", "Errorf") && !f.mentions(call.Fun, "errors", "New") {
		return false
	}
	text, ok := call.Args[0].(*ast.BasicLit)
	return ok && strings.Contains(strings.ToLower(text.Value), words)
}

// synctestBubbles finds the calls inside which the clock is not the real one.
func synctestBubbles(f *file) []ast.Node {
	var bubbles []ast.Node
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && f.mentions(call.Fun, "testing/synctest", "Test") {
			bubbles = append(bubbles, call)
		}
		return true
	})
	return bubbles
}

// Sizes: signs of health, with a way to explain.

func (h *house) checkSizes(f *file) {
	h.measure(f.name, f.name, "file lines", f.lines)
	for _, decl := range f.ast.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			key := strings.TrimPrefix(f.dir+".", ".") + receiver(d) + d.Name.Name
			h.measure(h.at(d), key, "function lines", h.fset.Position(d.End()).Line-h.fset.Position(d.Pos()).Line+1)
			h.measure(h.at(d), key, "parameters", countParams(f, d.Type))
		case *ast.GenDecl:
			h.checkInterfaces(f, d)
		}
	}
}

func (h *house) checkInterfaces(f *file, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		ts, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		if in, ok := ts.Type.(*ast.InterfaceType); ok {
			h.measure(h.at(ts), strings.TrimPrefix(f.dir+".", ".")+ts.Name.Name, "interface methods", in.Methods.NumFields())
		}
	}
}

// receiver gives "Type." for a method and "" for a function.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name + "."
		default:
			return ""
		}
	}
}

func countParams(f *file, ft *ast.FuncType) int {
	n := ft.Params.NumFields()
	if n > 0 && f.mentions(ft.Params.List[0].Type, "context", "Context") {
		n--
	}
	return n
}

// TestRulesCanFail builds small houses that break one rule each.
func TestRulesCanFail(t *testing.T) {
	long := func(lines int) string { return strings.Repeat("\n", lines) }
	rows := []struct {
		name      string
		file      string
		src       string
		explained map[string]string
		want      string // "" means no complaint
	}{
		{name: "an empty package with a doc is fine", file: "model/model.go", src: "// Package model is.\npackage model"},
		{name: "a kind may use the shared types", file: "model/model.go", src: "// Package model is.\npackage model\nimport _ \"hearth\""},
		{name: "a member may use its kind", file: "model/openai/a.go", src: "// Package openai is.\npackage openai\nimport _ \"hearth/model\""},
		{name: "a member may use its kind's internal packages", file: "model/openai/a.go", src: "// Package openai is.\npackage openai\nimport _ \"hearth/model/internal/schema\""},
		{name: "cmd may use members and config", file: "cmd/hearth/main.go", src: "// Command hearth is.\npackage main\nimport (_ \"hearth/config\"\n_ \"hearth/model/openai\"\n_ \"hearth/trace\")"},
		{name: "doctor may use config and members", file: "doctor/a.go", src: "// Package doctor is.\npackage doctor\nimport (_ \"hearth/config\"\n_ \"hearth/session/sqlite\")"},
		{name: "a test may use the parts it needs", file: "agent/a_test.go", src: "// Package agent is.\npackage agent\nimport (_ \"hearth/session/sqlite\"\n_ \"hearth/model/modeltest\")", want: ""},
		{name: "gateway may use its own folders", file: "gateway/a.go", src: "// Package gateway is.\npackage gateway\nimport _ \"hearth/gateway/wire\""},

		{name: "shared types import a room", file: "a.go", src: "// Package hearth is.\npackage hearth\nimport _ \"hearth/model\"", want: "the shared types import nothing of ours"},
		{name: "plumbing imports the shared types", file: "internal/sse/a.go", src: "// Package sse is.\npackage sse\nimport _ \"hearth\"", want: "plumbing imports nothing of ours"},
		{name: "plumbing imports plumbing", file: "internal/sse/a.go", src: "// Package sse is.\npackage sse\nimport _ \"hearth/internal/json5\"", want: "plumbing imports nothing of ours"},
		{name: "a kind imports a kind", file: "model/a.go", src: "// Package model is.\npackage model\nimport _ \"hearth/tool\"", want: "a kind imports only the shared types"},
		{name: "a kind imports its member", file: "model/a.go", src: "// Package model is.\npackage model\nimport _ \"hearth/model/openai\"", want: "a kind imports only the shared types"},
		{name: "a member imports another member", file: "model/route/a.go", src: "// Package route is.\npackage route\nimport _ \"hearth/model/slot\"", want: "a member never imports another member"},
		{name: "a member imports another kind", file: "tool/file/a.go", src: "// Package file is.\npackage file\nimport _ \"hearth/session\"", want: "a member knows its own kind only"},
		{name: "agent names a provider", file: "agent/a.go", src: "// Package agent is.\npackage agent\nimport _ \"hearth/model/openai\"", want: "not its members"},
		{name: "agent reads the config", file: "agent/a.go", src: "// Package agent is.\npackage agent\nimport _ \"hearth/config\"", want: "only cmd and doctor read the config"},
		{name: "gateway imports trace", file: "gateway/a.go", src: "// Package gateway is.\npackage gateway\nimport _ \"hearth/trace\"", want: "only cmd knows trace"},
		{name: "prompt imports agent", file: "prompt/a.go", src: "// Package prompt is.\npackage prompt\nimport _ \"hearth/agent\"", want: "no such edge"},
		{name: "the client imports the server", file: "gateway/client/a.go", src: "// Package client is.\npackage client\nimport _ \"hearth/gateway\"", want: "no such edge"},
		{name: "a room imports cmd", file: "agent/a.go", src: "// Package agent is.\npackage agent\nimport _ \"hearth/cmd/hearth\"", want: "nothing stands on cmd"},
		{name: "the product imports a conformance suite", file: "cmd/hearth/a.go", src: "// Command hearth is.\npackage main\nimport _ \"hearth/model/modeltest\"", want: "a conformance suite is for tests"},
		{name: "a room that is not on the map", file: "stuff/a.go", src: "// Package stuff is.\npackage stuff", want: "not on the map"},
		{name: "cgo", file: "model/a.go", src: "// Package model is.\npackage model\nimport \"C\"", want: "without cgo"},
		{name: "a template package", file: "model/a.go", src: "// Package model is.\npackage model\nimport _ \"text/template\"", want: "keeps every exported method"},
		{name: "an HTML template package", file: "model/a.go", src: "// Package model is.\npackage model\nimport _ \"html/template\"", want: "keeps every exported method"},
		{name: "a room that starts programs", file: "agent/a.go", src: "// Package agent is.\npackage agent\nimport _ \"os/exec\"", want: "may not start programs"},
		{name: "a dot import", file: "model/a.go", src: "// Package model is.\npackage model\nimport . \"strings\"", want: "dot import"},
		{name: "a module inside the module", file: "model/go.mod", src: "module x", want: "a second module"},

		{name: "a package called util", file: "internal/util/a.go", src: "// Package util is.\npackage util", want: "one lower-case noun"},
		{name: "a package with a capital letter", file: "internal/sseReader/a.go", src: "// Package sseReader is.\npackage sseReader", want: "one lower-case noun"},
		{name: "a package named unlike its folder", file: "model/openai/a.go", src: "// Package other is.\npackage other", want: "use one name"},
		{name: "a package without a doc", file: "model/a.go", src: "package model", want: "no package comment"},
		{name: "a doc of something else", file: "model/a.go", src: "// Copyright.\npackage model", want: "no package comment"},

		{name: "a dialer outside netguard", file: "model/a.go", src: "// Package model is.\npackage model\nimport \"net\"\nvar _ net.Dialer", want: "only internal/netguard"},
		{name: "a transport outside netguard", file: "model/a.go", src: "// Package model is.\npackage model\nimport \"net/http\"\nvar _ http.Transport", want: "only internal/netguard"},
		{name: "the default client under another name", file: "model/a.go", src: "// Package model is.\npackage model\nimport web \"net/http\"\nvar _ = web.DefaultClient", want: "only internal/netguard"},
		{name: "a client without a transport", file: "model/a.go", src: "// Package model is.\npackage model\nimport \"net/http\"\nvar _ = &http.Client{}", want: "without a Transport"},
		{name: "netguard has the dialer", file: "internal/netguard/a.go", src: "// Package netguard is.\npackage netguard\nimport \"net\"\nvar _ net.Dialer"},
		{name: "a global random number", file: "model/a.go", src: "// Package model is.\npackage model\nimport \"math/rand/v2\"\nvar _ = rand.IntN(3)", want: "global generator"},
		{name: "a generator of one's own", file: "model/a.go", src: "// Package model is.\npackage model\nimport \"math/rand/v2\"\nvar _ = rand.New(rand.NewPCG(1, 2))"},
		{name: "a sleeping test", file: "model/a_test.go", src: "// Package model is.\npackage model\nimport \"time\"\nfunc f() { time.Sleep(1) }", want: "time.Sleep"},
		{name: "a sleep that takes no time", file: "model/a_test.go", src: "// Package model is.\npackage model\nimport (\"time\"\n\"testing/synctest\")\nfunc f() { synctest.Test(nil, func() { time.Sleep(1) }) }"},
		{name: "func init", file: "model/a.go", src: "// Package model is.\npackage model\nfunc init() {}", want: "nothing registers itself"},
		{name: "a functional option", file: "model/a.go", src: "// Package model is.\npackage model\ntype Option int\nfunc WithAge() Option { return 0 }", want: "functional option"},
		{name: "a context in second place", file: "model/a.go", src: "// Package model is.\npackage model\nimport \"context\"\nfunc f(n int, ctx context.Context) {}", want: "first parameter"},
		{name: "an error that says failed to", file: "model/a.go", src: "// Package model is.\npackage model\nimport \"errors\"\nvar _ = errors.New(\"failed to dial\")", want: "operation: cause"},
		{name: "work left for later", file: "model/a.go", src: "// Package model is.\npackage model\n// TO" + "DO: more", want: "finish it"},

		{name: "a long file", file: "model/a.go", src: "// Package model is.\npackage model" + long(501), want: "model/a.go has 502 file lines, more than 500"},
		{name: "a long file with a reason", file: "model/a.go", src: "// Package model is.\npackage model" + long(501), explained: map[string]string{"model/a.go": "one table"}},
		{name: "a file too long for any reason", file: "model/a.go", src: "// Package model is.\npackage model" + long(801), explained: map[string]string{"model/a.go": "one table"}, want: "more than 800"},
		{name: "a long test file", file: "model/model_test.go", src: "package model_test" + long(900)},
		{name: "a long generated file", file: "model/a.go", src: "// Code generated by x. DO NOT EDIT.\n\n// Package model is.\npackage model" + long(900)},
		{name: "a long function", file: "model/a.go", src: "// Package model is.\npackage model\ntype T int\nfunc (t *T) F() {" + long(60) + "}", want: "model.T.F has 61 function lines"},
		{name: "a function too long for any reason", file: "model/a.go", src: "// Package model is.\npackage model\nfunc F() {" + long(121) + "}", explained: map[string]string{"model.F": "one switch"}, want: "more than 120"},
		{name: "six parameters", file: "model/a.go", src: "// Package model is.\npackage model\nfunc F(a, b, c, d, e, f int) {}", want: "6 parameters"},
		{name: "five parameters and a context", file: "model/a.go", src: "// Package model is.\npackage model\nimport \"context\"\nfunc F(ctx context.Context, a, b, c, d, e int) {}"},
		{name: "a fat interface", file: "model/a.go", src: "// Package model is.\npackage model\ntype I interface { A(); B(); C(); D(); E(); F() }", want: "model.I has 6 interface methods"},
		{name: "a reason nobody needs", file: "model/a.go", src: "// Package model is.\npackage model", explained: map[string]string{"model.F": "gone"}, want: "no longer needed"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := inspect(t, fstest.MapFS{row.file: {Data: []byte(row.src)}}, row.explained)
			if row.want == "" && len(got) == 0 {
				return
			}
			if row.want == "" || len(got) != 1 || !strings.Contains(got[0], row.want) {
				t.Errorf("complaints:\n%s\nwant one that holds %q", strings.Join(got, "\n"), row.want)
			}
		})
	}
}

// TestGraphRulesCanFail shows the two rules that need many packages.
func TestGraphRulesCanFail(t *testing.T) {
	source := func(name string, imports ...string) *fstest.MapFile {
		src := "// Package " + name + " is.\npackage " + name + "\n"
		for _, to := range imports {
			src += "import _ \"hearth/" + to + "\"\n"
		}
		return &fstest.MapFile{Data: []byte(src)}
	}
	wide, deep := fstest.MapFS{}, fstest.MapFS{}
	var all []string
	for i := range 13 {
		name := fmt.Sprintf("p%d", i)
		all = append(all, "internal/"+name)
		wide["internal/"+name+"/a.go"] = source(name)
	}
	wide["agent/a.go"] = source("agent", all...)
	dir := "gateway"
	for i := range 8 {
		next := fmt.Sprintf("%s/p%d", dir, i)
		deep[dir+"/a.go"] = source(path.Base(dir), next)
		dir = next
	}
	deep[dir+"/a.go"] = source(path.Base(dir))
	if got := inspect(t, wide, nil); len(got) != 1 || !strings.Contains(got[0], "agent has 13 import fan-out") {
		t.Errorf("13 imports: %q", got)
	}
	if got := inspect(t, deep, nil); len(got) != 1 || !strings.Contains(got[0], "gateway has 9 import depth") {
		t.Errorf("9 packages deep: %q", got)
	}
}
