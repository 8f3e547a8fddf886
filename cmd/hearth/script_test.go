package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"maps"
	"os"
	"os/exec"
	ossignal "os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hearth"
	"hearth/model/modeltest"
)

// scriptCommands are what the scripts may say beyond testscript's own words.
//
//	exits CODE PROGRAM ARG...        run a program and compare its exit code
//	interrupts [-HUP|-TERM] SERVER PROGRAM ARG...
//	                                 run it, send Ctrl-C, or that signal, when the server has
//	                                 a call open (SERVER stdout: when it has printed
//	                                 something; stdin: when it reads), and expect exit code 130
//	modelserver NAME [FLAG...]       start a model server; $NAME is its URL. Flags:
//	                                 -as IDENTITY, -model ID (repeatable), -blind (no tools), -empty (no models), -window N,
//	                                 -cuts (in silence, what is longer)
//	says NAME TEXT                   the next model call is answered with TEXT
//	thinks NAME THOUGHT TEXT         the same, with a thought before it
//	calls NAME TOOL ARGUMENTS        the next one is answered with a tool call
//	does NAME 'PATHOLOGY'            the next one is answered as a row of modeltest says
//	always NAME 'PATHOLOGY'          all are, that are not scripted otherwise
//	stops NAME                       the server goes away
//	requests NAME COUNT FILE         expect so many model calls; their paths and bodies go to FILE
//	asked NAME FILE                  everything else it was asked goes to FILE
//	freeaddress NAME                 $NAME is a loopback address that nobody listens on
//	site NAME KIND [SERVER]          $NAME is the URL of what answers there instead of a model
//	                                 server, or stands before SERVER; see sites
//	nobody ADDRESS                   nobody listens on it
//	where NAME PROGRAM               $NAME is the program's absolute path
//	picture FILE                     make a small PNG
//	sql FILE STATEMENT...            change a database as its owner might by hand: nothing
//	                                 that keeps its rows together is in force
//	overwrite FILE OFFSET TEXT       change a file's bytes; a negative offset is from its end
//	cut FILE BYTES                   and its length
//	expand FILE...                   replace $NAME in files by the variables of the script
var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"exits":       scriptExits,
	"interrupts":  scriptInterrupts,
	"modelserver": scriptServer,
	"says":        scriptReply(2, func(a []string) modeltest.Reply { return modeltest.Reply{Text: a[1]} }),
	"thinks":      scriptReply(3, func(a []string) modeltest.Reply { return modeltest.Reply{Thinking: a[1], Text: a[2]} }),
	"calls": scriptReply(3, func(a []string) modeltest.Reply {
		return modeltest.Reply{Calls: []hearth.ToolCall{{ID: "call_1", Name: a[1], Arguments: a[2]}}}
	}),
	"does":        scriptPathology((*modeltest.Server).Script),
	"always":      scriptPathology(func(s *modeltest.Server, b ...modeltest.Behaviour) { s.Always(b[0]) }),
	"stops":       scriptStops,
	"requests":    scriptRequests,
	"asked":       scriptAsked,
	"freeaddress": scriptFreeAddress,
	"nobody":      scriptNobody,
	"site":        scriptSite,
	"where": func(ts *testscript.TestScript, neg bool, args []string) {
		need(ts, !neg && len(args) == 2, "where NAME PROGRAM")
		ts.Setenv(args[0], program(ts, args[1]))
	},
	"picture":   scriptPicture,
	"sql":       scriptSQL,
	"overwrite": scriptOverwrite,
	"cut":       scriptCut,
	"expand":    scriptExpand,
}

// serversKey is where a script's servers are kept.
type serversKey struct{}

func emptyHome(env *testscript.Env) error {
	env.Setenv("HOME", env.WorkDir+"/home")
	env.Setenv("HEARTH_HOME", env.WorkDir+"/state")
	// Discovery must not find what runs on the machine of whoever runs the tests.
	env.Setenv("HEARTH_DISCOVER", "off")
	// A program under the race detector otherwise sleeps for a second when it exits.
	env.Setenv("GORACE", "atexit_sleep_ms=10")
	servers := map[string]*modeltest.Server{}
	env.Values[serversKey{}] = servers
	env.Defer(func() {
		for _, s := range servers {
			s.Close()
		}
	})
	return os.MkdirAll(env.WorkDir+"/home", 0o700)
}

func serversOf(ts *testscript.TestScript) map[string]*modeltest.Server {
	return ts.Value(serversKey{}).(map[string]*modeltest.Server) // emptyHome put it there
}

func server(ts *testscript.TestScript, name string) *modeltest.Server {
	s := serversOf(ts)[name]
	if s == nil {
		ts.Fatalf("no modelserver is called %s", name)
	}
	return s
}

// need ends a script that uses a command in another way than its usage says.
func need(ts *testscript.TestScript, ok bool, usage string) {
	if !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) >= 2, "exits CODE PROGRAM ARG...")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := codeOf(ts, ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func codeOf(ts *testscript.TestScript, err error) int {
	if err == nil {
		return 0
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		ts.Fatalf("%v", err)
	}
	return exit.ExitCode()
}

func scriptInterrupts(ts *testscript.TestScript, neg bool, args []string) {
	usage := "interrupts [-HUP|-TERM] SERVER PROGRAM ARG..."
	need(ts, !neg && len(args) >= 2, usage)
	var signal os.Signal = os.Interrupt
	if named := map[string]os.Signal{"-HUP": syscall.SIGHUP, "-TERM": syscall.SIGTERM}[args[0]]; named != nil {
		signal, args = named, args[1:]
		need(ts, len(args) >= 2, usage)
	}
	if signal == syscall.SIGHUP { // one that is handled here is not ignored there, also when the tests run under nohup
		handled := make(chan os.Signal, 1)
		ossignal.Notify(handled, syscall.SIGHUP)
		defer ossignal.Stop(handled)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(ts, args[1]), args[2:]...)
	cmd.Args[0] = args[1]
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"HOME", "HEARTH_HOME", "HEARTH_DISCOVER", "PATH", "TMPDIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	printed := &noticed{Writer: ts.Stdout(), first: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = printed, ts.Stderr()
	var stdin io.WriteCloser
	if args[0] == "stdin" {
		var err error
		stdin, err = cmd.StdinPipe()
		ts.Check(err)
	}
	ts.Check(cmd.Start())
	switch args[0] {
	case "stdin":
		_, err := stdin.Write(bytes.Repeat([]byte("words "), 1<<18)) // more than a pipe holds
		ts.Check(err)
	case "stdout":
		select {
		case <-printed.first:
		case <-ctx.Done():
			ts.Fatalf("nothing was printed")
		}
	default:
		ts.Check(server(ts, args[0]).AwaitOpen(ctx, 1))
	}
	ts.Check(cmd.Process.Signal(signal))
	if got := codeOf(ts, cmd.Wait()); got != hearth.ExitInterrupted {
		ts.Fatalf("exit code %d after Ctrl-C, want %d", got, hearth.ExitInterrupted)
	}
}

// noticed closes first when something is written.
type noticed struct {
	io.Writer
	once  sync.Once
	first chan struct{}
}

func (n *noticed) Write(b []byte) (int, error) {
	defer n.once.Do(func() { close(n.first) })
	return n.Writer.Write(b)
}

// program finds a program where the script would find it.
func program(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file
		}
	}
	ts.Fatalf("no program is called %s", name)
	return ""
}

func scriptServer(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) >= 1, "modelserver NAME [-as IDENTITY] [-model ID]... [-blind] [-empty] [-window N] [-cuts]")
	name, args := args[0], args[1:]
	c := modeltest.Config{Models: []modeltest.Model{}}
	ids, noTools, empty, cuts, window := []string{}, false, false, false, 0
	for len(args) > 0 {
		flag := args[0]
		args = args[1:]
		if flag == "-blind" {
			noTools = true
			continue
		}
		if flag == "-empty" {
			empty = true
			continue
		}
		if flag == "-cuts" {
			cuts = true
			continue
		}
		need(ts, len(args) > 0, "modelserver: "+flag+" wants a value")
		switch value := args[0]; flag {
		case "-as":
			c.Identity = modeltest.Identity(value)
			need(ts, slices.Contains(modeltest.Identities, c.Identity), fmt.Sprintf("modelserver -as %q", modeltest.Identities))
		case "-model":
			ids = append(ids, value)
		case "-window":
			n, err := strconv.Atoi(value)
			ts.Check(err)
			window = n
		default:
			ts.Fatalf("modelserver has no flag %s", flag)
		}
		args = args[1:]
	}
	if len(ids) == 0 && !empty {
		ids = []string{"test-model"}
	}
	for _, id := range ids {
		c.Models = append(c.Models, modeltest.Model{ID: id, Window: window, TrainedMax: window, NoTools: noTools})
	}
	if cuts {
		c.Window = window
	}
	s, err := modeltest.Start(c, "127.0.0.1:0")
	ts.Check(err)
	serversOf(ts)[name] = s
	ts.Setenv(name, s.URL)
}

func scriptReply(n int, reply func(args []string) modeltest.Reply) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		need(ts, !neg && len(args) == n, "says NAME TEXT; thinks NAME THOUGHT TEXT; calls NAME TOOL ARGUMENTS")
		server(ts, args[0]).Script(modeltest.Say(reply(args)))
	}
}

func scriptPathology(use func(*modeltest.Server, ...modeltest.Behaviour)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		need(ts, !neg && len(args) == 2, "does NAME 'PATHOLOGY'")
		use(server(ts, args[0]), modeltest.Named(args[1]).Serve)
	}
}

func scriptStops(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "stops NAME")
	server(ts, args[0]).Close()
}

func scriptRequests(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 3, "requests NAME COUNT FILE")
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	var b bytes.Buffer
	calls := server(ts, args[0]).Requests()
	for _, r := range calls {
		fmt.Fprintf(&b, "%s %s\n", r.Method, r.Path)
		for _, key := range slices.Sorted(maps.Keys(r.Header)) {
			fmt.Fprintf(&b, "%s: %s\n", key, strings.Join(r.Header[key], ", "))
		}
		fmt.Fprintf(&b, "\n%s\n\n", r.Body)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), b.Bytes(), 0o600))
	if len(calls) != want {
		ts.Fatalf("%d model calls, want %d:\n%s", len(calls), want, b.String())
	}
}

func scriptAsked(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "asked NAME FILE")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(server(ts, args[0]).Asked(), "\n")+"\n"), 0o600))
}

func scriptPicture(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "picture FILE")
	var b bytes.Buffer
	ts.Check(png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600))
}

func scriptExpand(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) >= 1, "expand FILE...")
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

func scriptSQL(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) >= 2, "sql FILE STATEMENT...")
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	db.SetMaxOpenConns(1)
	for _, table := range []string{"messages", "epochs", "reports", "blobs"} {
		for _, trigger := range []string{"stay", "keep"} {
			_, err := db.ExecContext(context.Background(), "DROP TRIGGER IF EXISTS "+table+"_"+trigger)
			ts.Check(err)
		}
	}
	for _, statement := range args[1:] {
		_, err := db.ExecContext(context.Background(), statement)
		ts.Check(err)
	}
	ts.Check(db.Close())
}

func scriptOverwrite(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 3, "overwrite FILE OFFSET TEXT")
	bytes := []byte(ts.ReadFile(args[0]))
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	if at < 0 {
		at += len(bytes)
	}
	copy(bytes[at:], args[2])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes, 0o600))
}

func scriptCut(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "cut FILE BYTES")
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}
