package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/internal/filelock"
)

// roleVar makes a child of this test binary: a keeper, a gateway, or a server.
const roleVar = "SERVICE_TEST_ROLE"

func TestMain(m *testing.M) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch os.Getenv(roleVar) {
	case "keeper":
		if err := Keep(ctx, os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
	case "gateway":
		gateway(ctx, os.Args[1])
	case "server":
		os.Exit(serve(ctx, os.Args[1], os.Args[2]))
	default:
		os.Exit(m.Run())
	}
}

// serve is a model server as far as a Service can see one. It is ready when it holds the
// lock in dir, and every start is a line in dir/starts.
func serve(ctx context.Context, dir, how string) int {
	starts, err := os.OpenFile(filepath.Join(dir, "starts"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(starts, "%d\n", os.Getpid())
		err = errors.Join(err, starts.Close())
	}
	if err != nil {
		return 9
	}
	switch how {
	case "dies":
		fmt.Println("loading a model")
		fmt.Fprintln(os.Stderr, "error: the file model.gguf\x1b[1m does not exist")
		return 3
	case "waits": // until the test lets it
		gate, err := filelock.Wait(ctx, filepath.Join(dir, "hold"), filelock.Holder{}, nil)
		if err != nil {
			return 0
		}
		_ = gate.Release()
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
	}
	wd, _ := os.Getwd()
	_ = os.WriteFile(filepath.Join(dir, "environ"), []byte(wd+"\n"+strings.Join(os.Environ(), "\n")), 0o600)
	if _, err := filelock.Wait(context.Background(), filepath.Join(dir, "ready"), filelock.Holder{PID: os.Getpid(), Command: "server"}, nil); err != nil {
		return 8
	}
	<-ctx.Done()
	if how == "deaf" {
		select {}
	}
	return 0
}

// gateway uses the service of a test until it is killed.
func gateway(ctx context.Context, dir string) {
	s := New(config(dir, "serves"))
	if _, err := s.Use(ctx, func(hearth.Wait) {}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("up")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test is over
}

func config(dir, how string) Config {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	look := func(context.Context) (Health, string) {
		l, err := filelock.Try(filepath.Join(dir, "ready"), filelock.Holder{})
		if err == nil {
			_ = l.Release()
			return Absent, "connection refused"
		}
		if held, ok := errors.AsType[*filelock.HeldError](err); ok && held.Holder.Command == "server" {
			return Ready, ""
		}
		return Absent, err.Error()
	}
	return Config{
		Provider: "box", Command: self, Args: []string{dir, how}, Env: map[string]string{roleVar: "server"}, Environ: os.Environ(),
		Health: look, URL: "http://127.0.0.1:1/v1/models",
		Folder: filepath.Join(dir, "services"), Log: filepath.Join(dir, "logs", "service-box.log"),
		Keeper: Program{Path: self, Argv: []string{"keeper"}, Env: append(os.Environ(), roleVar+"=keeper")},
		Me:     filelock.Holder{PID: os.Getpid(), Command: "test"},
	}
}

// made gives a service that is closed at the latest when the test is over.
func made(t *testing.T, c Config) *Service {
	t.Helper()
	s := New(c)
	t.Cleanup(s.Stop)
	return s
}

func silent(hearth.Wait) {}

func use(t *testing.T, s *Service) (release func()) {
	t.Helper()
	release, err := s.Use(t.Context(), silent)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// starts counts how often the server was started.
func starts(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "starts"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return bytes.Count(b, []byte("\n"))
}

// becomes waits until the server is seen so.
func becomes(t *testing.T, c Config, want Health) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if got, _ := c.Health(ctx); got == want {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the server never became %d", want)
		}
	}
}

// keeperEnds waits until there is no keeper.
func keeperEnds(t *testing.T, s *Service) {
	t.Helper()
	l, err := filelock.Wait(t.Context(), s.at.keeper(), filelock.Holder{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	free(l)
}

func TestUseStartsTheServerAndCloseStopsIt(t *testing.T) {
	dir := t.TempDir()
	c := config(dir, "serves")
	s := made(t, c)
	if s.Running() {
		t.Error("it runs before it was used")
	}
	var waits []hearth.Wait
	release, err := s.Use(t.Context(), func(w hearth.Wait) { waits = append(waits, w) })
	if err != nil {
		t.Fatal(err)
	}
	if len(waits) != 1 || waits[0].Phase != hearth.PhaseStarting || waits[0].Model != s.name() {
		t.Errorf("the person was shown %+v", waits)
	}
	release()
	again, err := s.Use(t.Context(), func(w hearth.Wait) { t.Errorf("it was started again: %+v", w) })
	if err != nil {
		t.Fatal(err)
	}
	again()
	if !s.Running() {
		t.Error("it does not run")
	}
	s.Close()
	if got, _ := c.Health(t.Context()); got != Absent {
		t.Error("it still answers after Close")
	}
	if n := starts(t, dir); n != 1 {
		t.Errorf("it was started %d times", n)
	}
	if s.Ended() != "" {
		t.Errorf("a server that was stopped is told as: %s", s.Ended())
	}
	if _, err := s.Use(t.Context(), silent); hearth.ReasonOf(err) != hearth.ReasonCancelled {
		t.Errorf("a closed service gives %v", err)
	}
}

func TestGatewaysShareOneStartAndTheLastOneStopsIt(t *testing.T) {
	dir := t.TempDir()
	c := config(dir, "serves")
	var all []*Service
	var wg sync.WaitGroup
	for range 4 {
		s := made(t, c)
		all = append(all, s)
		for range 2 {
			wg.Go(func() {
				release, err := s.Use(t.Context(), silent)
				if err != nil {
					t.Error(err)
					return
				}
				release()
			})
		}
	}
	wg.Wait()
	if n := starts(t, dir); n != 1 {
		t.Fatalf("it was started %d times", n)
	}
	for i, s := range all {
		if got, _ := c.Health(t.Context()); got != Ready {
			t.Fatalf("after %d of %d gateways ended it is gone", i, len(all))
		}
		s.Close()
	}
	if got, _ := c.Health(t.Context()); got != Absent {
		t.Error("it still answers when all are closed")
	}
}

func TestAServerOfSomebodyElseIsUsedAndLetBe(t *testing.T) {
	dir := t.TempDir()
	c := config(dir, "serves")
	foreign, err := filelock.Try(filepath.Join(dir, "ready"), filelock.Holder{PID: 1, Command: "server"})
	if err != nil {
		t.Fatal(err)
	}
	s := made(t, c)
	use(t, s)()
	s.Close()
	if n := starts(t, dir); n != 0 {
		t.Errorf("it was started %d times beside the one that was there", n)
	}
	if err := foreign.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestJoinStartsNothing(t *testing.T) {
	dir := t.TempDir()
	c := config(dir, "serves")
	s := made(t, c)
	if _, err := s.Join(t.Context()); hearth.ReasonOf(err) != hearth.ReasonUnreachable {
		t.Errorf("joining what does not run gives %v", err)
	}
	if n := starts(t, dir); n != 0 {
		t.Error("it was started")
	}
	use(t, s)()
	release, err := s.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func TestAServerThatDiesBeforeItIsReadySaysWhy(t *testing.T) {
	dir := t.TempDir()
	s := made(t, config(dir, "dies"))
	s.tellFor = time.Hour
	for range 2 { // the second time it is only told again
		_, err := s.Use(t.Context(), silent)
		e, ok := errors.AsType[*hearth.Error](err)
		if !ok || e.Reason != hearth.ReasonUnreachable {
			t.Fatalf("got %v", err)
		}
		for _, want := range []string{"exit code 3", "loading a model · error: the file model.gguf", `\x1b[1m does not exist`} {
			if !strings.Contains(e.Error(), want) {
				t.Errorf("the error does not hold %q: %v", want, e)
			}
		}
		if e.Cause == "" || !strings.Contains(e.Try, s.c.Log) {
			t.Errorf("it says %q and %q", e.Cause, e.Try)
		}
	}
	if n := starts(t, dir); n != 1 {
		t.Errorf("it was started %d times", n)
	}
	if _, err := s.Use(t.Context(), silent); err == nil {
		t.Error("it serves now?")
	}
	if n := starts(t, dir); n != 2 {
		t.Errorf("after being told twice it was started %d times in all, want a second attempt", n)
	}
	log, err := os.ReadFile(s.c.Log)
	if err != nil || strings.Count(string(log), "does not exist\n") != 2 || strings.Count(string(log), "-- ") != 4 {
		t.Errorf("the log holds %q (%v)", log, err)
	}
}

func TestAStartThatTakesTooLongGoesOn(t *testing.T) {
	dir := t.TempDir()
	hold, err := filelock.Try(filepath.Join(dir, "hold"), filelock.Holder{})
	if err != nil {
		t.Fatal(err)
	}
	c := config(dir, "waits")
	c.ReadyTimeout = time.Second
	s := made(t, c)
	_, err = s.Use(t.Context(), silent)
	if e, ok := errors.AsType[*hearth.Error](err); !ok || e.Reason != hearth.ReasonUnreachable || !strings.Contains(err.Error(), "not ready after 1s") {
		t.Fatalf("got %v", err)
	}
	if !s.Running() {
		t.Fatal("it was given up")
	}
	if err := hold.Release(); err != nil {
		t.Fatal(err)
	}
	becomes(t, c, Ready)
	use(t, s)()
	if n := starts(t, dir); n != 1 {
		t.Errorf("it was started %d times", n)
	}
}

// Many servers answer nothing else while they write: one that another gateway saw ready is
// not waited for, one that nobody did is.
func TestASilentServerWorksOrStarts(t *testing.T) {
	dir := t.TempDir()
	c := config(dir, "serves")
	use(t, made(t, c))()
	mute := config(dir, "serves")
	mute.Health = func(context.Context) (Health, string) { return Silent, "deadline exceeded" }
	mute.ReadyTimeout = time.Second
	told := 0
	release, err := made(t, mute).Use(t.Context(), func(hearth.Wait) { told++ })
	if err != nil || told != 0 {
		t.Fatalf("told %d times of a start, %v", told, err)
	}
	release()
	at := folder{path: filepath.Join(mute.Folder, mute.name())}
	if err := os.WriteFile(at.ready(), []byte("an earlier run"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = made(t, mute).Use(t.Context(), silent)
	if e, ok := errors.AsType[*hearth.Error](err); !ok || !strings.Contains(e.Cause, "goes on loading") {
		t.Errorf("of a run that nobody saw ready: %v", err)
	}
	if n := starts(t, dir); n != 1 {
		t.Errorf("it was started %d times", n)
	}
}

// What has the port and is not ours is waited for as long as a start may take, the first
// look included, and is called what it is.
func TestSomethingElseThatIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config(t.TempDir(), "serves")
		c.ReadyTimeout = 15 * time.Second
		c.Health = func(ctx context.Context) (Health, string) {
			short, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			<-short.Done()
			return Silent, "deadline exceeded"
		}
		s, began := New(c), time.Now()
		for i, most := range []time.Duration{15 * time.Second, glance} { // and once more by the turn that tells it
			_, err := s.Use(t.Context(), silent)
			e, ok := errors.AsType[*hearth.Error](err)
			if !ok || !strings.Contains(e.Cause, "takes the connections to http://127.0.0.1:1/v1/models and answers none") {
				t.Fatalf("got %v", err)
			}
			if took := time.Since(began); took != most {
				t.Errorf("look %d took %v, want %v", i, took, most)
			}
			began = time.Now()
		}
	})
}

func TestCancellingAStartIsNoFailure(t *testing.T) {
	dir := t.TempDir()
	hold, err := filelock.Try(filepath.Join(dir, "hold"), filelock.Holder{})
	if err != nil {
		t.Fatal(err)
	}
	s := made(t, config(dir, "waits"))
	gone := errors.New("the person went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err = s.Use(ctx, func(hearth.Wait) { cancel(gone) })
	if hearth.ReasonOf(err) != hearth.ReasonCancelled || !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	if err := hold.Release(); err != nil {
		t.Fatal(err)
	}
	use(t, s)()
}

func TestAnIdleServerIsStoppedAndStartedAgain(t *testing.T) {
	dir := t.TempDir()
	c := config(dir, "serves")
	c.IdleStop = time.Millisecond
	s := made(t, c)
	for range 2 {
		use(t, s)()
		becomes(t, c, Absent)
	}
	if n := starts(t, dir); n != 2 {
		t.Errorf("it was started %d times", n)
	}
}

func TestWhatKeepsAServerWanted(t *testing.T) {
	hour := time.Hour
	for _, row := range []struct {
		name  string
		idle  time.Duration
		late  bool
		locks []string
		last  time.Duration // ago
		used  bool          // a request just ended
		want  bool
	}{
		{name: "nobody is left", want: false},
		{name: "a gateway is there", locks: []string{userLock}, last: 9 * hour, want: true},
		{name: "a gateway is there, and it was idle too long", idle: hour, locks: []string{userLock}, last: 2 * hour, want: false},
		{name: "a gateway is there, and it was idle for a while", idle: hour, locks: []string{userLock}, last: hour / 2, want: true},
		{name: "a request is under way", idle: hour, locks: []string{userLock, busyLock}, last: 2 * hour, want: true},
		{name: "a request has just ended", idle: hour, locks: []string{userLock}, last: 2 * hour, used: true, want: true},
		{name: "nobody is left, and its owner keeps it for a while", idle: hour, last: hour / 2, want: true},
		{name: "nobody is left, and the while is over", idle: hour, last: 2 * hour, want: false},
		{name: "it goes on loading", late: true, last: lateFor / 2, want: true},
		{name: "it goes on loading, and nobody came back", late: true, last: 2 * lateFor, want: false},
		{name: "it goes on loading for longer than it would be kept idle", idle: time.Minute, late: true, last: lateFor / 2, want: true},
		{name: "it goes on loading, and a gateway is there", late: true, locks: []string{userLock}, last: 2 * lateFor, want: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			k := &keeper{at: folder{t.TempDir()}}
			for _, kind := range row.locks {
				l, err := filelock.Try(k.at.own(kind), filelock.Holder{})
				if err != nil {
					t.Fatal(err)
				}
				defer free(l)
			}
			last := time.Now().Add(-row.last)
			k.at.touch(wish{row.idle.Milliseconds(), row.late})
			if !row.used {
				if err := os.Chtimes(k.at.used(), last, last); err != nil {
					t.Fatal(err)
				}
			}
			if got := k.unwanted(&last); got == row.want {
				t.Errorf("unwanted: %v", got)
			}
			if k.gate != nil {
				free(k.gate)
			}
		})
	}
}

// Processes of different versions read it.
func TestAWishIsKeptInMilliseconds(t *testing.T) {
	at := folder{t.TempDir()}
	at.touch(wish{IdleMS: (90 * time.Second).Milliseconds(), Late: true})
	b, err := os.ReadFile(at.used())
	if err != nil || string(b) != `{"idleMS":90000,"late":true}` {
		t.Errorf("the file holds %s, %v", b, err)
	}
	if _, w := at.lastUse(); (wish{IdleMS: w.IdleMS}).kept() != 90*time.Second || !w.Late {
		t.Errorf("it is read as %+v", w)
	}
}

// There is one command after the other, and nobody between them.
func TestAnIdleLimitKeepsAServerBetweenCommands(t *testing.T) {
	dir := t.TempDir()
	c := config(dir, "serves")
	c.IdleStop = time.Hour
	for range 3 {
		s := made(t, c)
		use(t, s)()
		s.Close()
		if got, _ := c.Health(t.Context()); got != Ready {
			t.Fatal("it is gone with the command that started it")
		}
	}
	if n := starts(t, dir); n != 1 {
		t.Errorf("it was started %d times", n)
	}
	c.IdleStop = 0 // the owner has changed that; the newest word counts
	s := made(t, c)
	use(t, s)()
	s.Close()
	if got, _ := c.Health(t.Context()); got != Absent {
		t.Error("it is kept against its owner's word")
	}
	if n := starts(t, dir); n != 1 {
		t.Errorf("it was started %d times", n)
	}
}

func TestAStartGoesOnWhenTheCommandThatGaveItUpEnds(t *testing.T) {
	for name, idle := range map[string]time.Duration{"kept until the last gateway ends": 0, "kept for a moment": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			hold, err := filelock.Try(filepath.Join(dir, "hold"), filelock.Holder{})
			if err != nil {
				t.Fatal(err)
			}
			c := config(dir, "waits")
			c.ReadyTimeout, c.IdleStop = time.Second, idle
			for range 2 {
				s := made(t, c)
				if _, err := s.Use(t.Context(), silent); err == nil || !strings.Contains(err.Error(), "not ready after 1s") {
					t.Fatalf("got %v", err)
				}
				s.Close()
				if !s.Running() {
					t.Fatal("it ended with the command")
				}
			}
			if err := hold.Release(); err != nil {
				t.Fatal(err)
			}
			becomes(t, c, Ready)
			s := made(t, c)
			use(t, s)()
			if n := starts(t, dir); n != 1 {
				t.Errorf("it was started %d times", n)
			}
			s.Close()
			keeperEnds(t, s) // it was used: nobody was promised more
		})
	}
}

func TestAServerOfAnEarlierConfigMakesRoom(t *testing.T) {
	dir := t.TempDir()
	c := config(dir, "serves")
	c.IdleStop = time.Hour
	old := made(t, c)
	use(t, old)()
	old.Close()
	c.Args = []string{dir, "deaf"}
	if runtime.GOOS == "windows" {
		c.Args[1] = "serves again"
	}
	s := made(t, c)
	use(t, s)()
	if old.Running() || !s.Running() {
		t.Errorf("the old one runs: %t, the new one: %t", old.Running(), s.Running())
	}
	if n := starts(t, dir); n != 2 {
		t.Errorf("%d starts", n)
	}
	c.Args = []string{dir, "serves"}
	use(t, made(t, c))() // somebody uses it: it is let be
	if !s.Running() {
		t.Error("a server in use was ended")
	}
}

func TestStopEndsAServerThatWouldBeKept(t *testing.T) {
	dir := t.TempDir()
	c := config(dir, "serves")
	c.IdleStop = time.Hour
	s := made(t, c)
	use(t, s)()
	s.Stop()
	if got, _ := c.Health(t.Context()); got != Absent {
		t.Error("it still answers")
	}
}

func TestAServerThatDoesNotListenIsKilled(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("nobody is asked there")
	}
	dir := t.TempDir()
	c := config(dir, "deaf")
	s := made(t, c)
	use(t, s)()
	s.Close()
	if got, _ := c.Health(t.Context()); got != Absent {
		t.Error("it still answers")
	}
}

func TestAKilledGatewayLeavesNoServer(t *testing.T) {
	dir := t.TempDir()
	c := config(dir, "serves")
	child := exec.Command(c.Command, dir)
	child.Env = append(os.Environ(), roleVar+"=gateway")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 3)
	if _, err := io.ReadFull(stdout, said); err != nil || string(said) != "up\n" {
		t.Fatalf("it says %q (%v)", said, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	becomes(t, c, Absent)
	keeperEnds(t, New(c))
}

func TestAKilledKeeperLeavesNoServer(t *testing.T) {
	dir := t.TempDir()
	c := config(dir, "serves")
	s := made(t, c)
	use(t, s)()
	_, err := filelock.Try(s.at.keeper(), filelock.Holder{})
	held, ok := errors.AsType[*filelock.HeldError](err)
	if !ok {
		t.Fatalf("nobody keeps it: %v", err)
	}
	keeper, err := os.FindProcess(held.Holder.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := keeper.Kill(); err != nil {
		t.Fatal(err)
	}
	keeperEnds(t, s)
	if text := s.Ended(); !strings.Contains(text, "its keeper was killed") {
		t.Errorf("it is told as %q", text)
	}
	becomes(t, c, Absent)
	use(t, s)() // and it is started again
	if n := starts(t, dir); n != 2 {
		t.Errorf("it was started %d times", n)
	}
}

func TestAServerThatDiesLaterIsToldOnce(t *testing.T) {
	dir := t.TempDir()
	c := config(dir, "serves")
	s := made(t, c)
	use(t, s)()
	rec, ok := s.at.record()
	if !ok {
		t.Fatal("there is no record")
	}
	server, err := os.FindProcess(rec.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	keeperEnds(t, s)
	if text := s.Ended(); !strings.Contains(text, "ended (") {
		t.Errorf("it is told as %q", text)
	}
	if text := s.Ended(); text != "" {
		t.Errorf("it is told again: %q", text)
	}
}

func TestTheServerStartsInAFolderOfItsOwnAndSeesWhatItIsGiven(t *testing.T) {
	dir := t.TempDir()
	c := config(dir, "serves")
	c.Env["OWN"] = "yes"
	s := made(t, c)
	use(t, s)()
	b, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	want, err := filepath.EvalSymlinks(s.at.path)
	if err != nil {
		t.Fatal(err)
	}
	if lines[0] != want || !slices.Contains(lines, "OWN=yes") {
		t.Errorf("it starts in %s, want %s, and sees %q", lines[0], want, lines[1:])
	}
}

func TestACommandThatCannotBeRunIsRefused(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("words"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, command, cwd, want string
	}{
		{"no command", "", "", "no command is set"},
		{"a bare name", "llama-server", "", `"llama-server" is not an absolute path`},
		{"a path from here", "./llama-server", "", "is not an absolute path"},
		{"a file that is not there", filepath.Join(dir, "no"), "", "no such file"},
		{"a folder", dir, "", "is a folder"},
		{"a file that is no program", text, "", "permission denied"},
		{"a folder from here to start in", "self", "models", `"models" is not an absolute path`},
		{"a folder to start in that is not there", "self", filepath.Join(dir, "no"), "no such file"},
		{"a file to start in", "self", text, "is no folder"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(row.want, " file") || runtime.GOOS == "windows" && row.want == "permission denied" {
				t.Skip("Windows says it in other words")
			}
			c := config(dir, "serves")
			if c.Dir = row.cwd; row.command != "self" {
				c.Command = row.command
			}
			s := made(t, c)
			_, err := s.Use(t.Context(), silent)
			e, ok := errors.AsType[*hearth.Error](err)
			if !ok || e.Reason != hearth.ReasonConfig || !strings.Contains(err.Error(), row.want) || e.Cause == "" || e.Try == "" {
				t.Errorf("got %v (%+v), want %q", err, e, row.want)
			}
		})
	}
	if n := starts(t, dir); n != 0 {
		t.Errorf("it was started %d times", n)
	}
}

func TestTheLogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "x.log")
	l, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	line := []byte(strings.Repeat("x", 1<<20-1) + "\n")
	for range 11 {
		if n, err := l.Write(line); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{path: 3 << 20, path + ".1": 4 << 20} {
		if info, err := os.Stat(name); err != nil || info.Size() != want {
			t.Errorf("%s: %v (%v), want %d bytes", name, info, err, want)
		}
	}
	if n := len(l.tail()); n != tailBytes {
		t.Errorf("%d bytes are remembered", n)
	}
}
