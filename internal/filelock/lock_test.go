package filelock

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// With this variable set the test binary takes the lock it names, says so, and holds it
// until its standard input ends.
const childVar = "HEARTH_FILELOCK_TEST"

func TestMain(m *testing.M) {
	path := os.Getenv(childVar)
	if path == "" {
		os.Exit(m.Run())
	}
	l, err := Try(path, Holder{PID: os.Getpid(), Command: "child"})
	fmt.Println("locked", err == nil)
	_, _ = io.Copy(io.Discard, os.Stdin) // ends when the parent lets go
	if err == nil {
		_ = l.Release()
	}
}

var me = Holder{PID: os.Getpid(), Since: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC), Command: "hearth test"}

func TestTryNamesTheHolderInTheSameProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	l := take(t, path)
	_, err := Try(path, Holder{})
	held, ok := errors.AsType[*HeldError](err)
	if !ok || held.Holder != me {
		t.Fatalf("a second try gave %v, want one held by %v", err, me)
	}
	if got, want := held.Error(), fmt.Sprintf("held by process %d (hearth test)", me.PID); got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	if err := errors.Join(l.Release(), l.Release()); err != nil {
		t.Fatal(err)
	}
	if err := take(t, path).Release(); err != nil {
		t.Fatal(err)
	}
}

func TestHolderWithoutWordsIsAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	l := take(t, path)
	for _, words := range []string{"", "{", `{"pid":"x"}`, "\x00\x00"} {
		if err := os.WriteFile(path, []byte(words), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Try(path, Holder{})
		if held, ok := errors.AsType[*HeldError](err); !ok || held.Error() != "held by another process" {
			t.Errorf("with %q inside it says %v", words, err)
		}
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestTryReportsWhatTheFileSystemSays(t *testing.T) {
	_, err := Try(filepath.Join(t.TempDir(), "no folder", "l"), me)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing folder gave %v", err)
	}
}

func TestAnotherProcessIsKeptOutUntilItsHolderIsKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	child, _ := start(t, path)
	_, err := Try(path, me)
	held, ok := errors.AsType[*HeldError](err)
	if !ok || held.Holder.PID != child.Process.Pid || held.Holder.Command != "child" {
		t.Fatalf("while process %d holds it: %v", child.Process.Pid, err)
	}

	var asked atomic.Int32
	got := make(chan error, 1)
	waiting := make(chan struct{})
	go func() {
		l, err := Wait(t.Context(), path, me, func(Holder) {
			if asked.Add(1) == 2 {
				close(waiting)
			}
		})
		if err == nil {
			err = l.Release()
		}
		got <- err
	}()
	<-waiting
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Errorf("after kill -9 of the holder: %v", err)
	}
	_ = child.Wait() // it was killed
}

func TestAnotherProcessSeesOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	l := take(t, path)
	child, said := start(t, path)
	if said != "locked false\n" {
		t.Errorf("the other process says %q", said)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	_ = child.Process.Kill() // nothing depends on how it ends
	_ = child.Wait()
}

func TestWaitEndsWithItsContextAndSaysWhoHoldsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	l := take(t, path)
	cause := errors.New("the person went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := Wait(ctx, path, Holder{}, func(Holder) { cancel(cause) })
	if _, ok := errors.AsType[*HeldError](err); !ok || !errors.Is(err, cause) {
		t.Errorf("the error is %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
}

// The file goes away with each release, so the race between an open and a removal
// happens here again and again.
func TestOnlyOneGoroutineHoldsItAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	var inside, rounds atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				l, err := Try(path, me)
				if err != nil {
					if _, ok := errors.AsType[*HeldError](err); !ok {
						t.Error(err)
					}
					continue
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold it", n)
				}
				rounds.Add(1)
				inside.Add(-1)
				if err := l.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if rounds.Load() == 0 {
		t.Error("nobody ever had it")
	}
}

func BenchmarkTryAndRelease(b *testing.B) {
	path := filepath.Join(b.TempDir(), "l")
	for b.Loop() {
		l, err := Try(path, me)
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Release(); err != nil {
			b.Fatal(err)
		}
	}
}

func take(t *testing.T, path string) *Lock {
	t.Helper()
	l, err := Try(path, me)
	if err != nil {
		t.Fatal(err)
	}
	var h Holder
	if words, err := os.ReadFile(path); err != nil || json.Unmarshal(words, &h) != nil || h != me {
		t.Fatalf("inside is %q (%v)", words, err)
	}
	return l
}

// start runs a process that tries the lock, and gives what it said.
func start(t *testing.T, path string) (child *exec.Cmd, said string) {
	t.Helper()
	child = exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVar+"="+path)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() }) // also lets an uncaught child end
	said, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return child, said
}

func TestAFileIsALockThatIsTakenAgainAndAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	file := NewFile(path)
	defer file.Close()
	for range 3 {
		release, err := file.Try(me)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range []func() error{
			func() error { _, err := file.Try(Holder{}); return err },
			func() error {
				another := NewFile(path)
				defer another.Close() // an open file cannot be removed on Windows
				_, err := another.Try(Holder{})
				return err
			},
			func() error { _, err := Try(path, Holder{}); return err },
		} {
			if held, ok := errors.AsType[*HeldError](other()); !ok || held.Holder != me {
				t.Errorf("while it is held another gets %v", held)
			}
		}
		release()
		release() // does nothing more
		l, err := Try(path, Holder{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Try(me); err == nil {
			t.Error("it is had twice")
		}
		if err := l.Release(); err != nil { // which removes the file on most systems
			t.Fatal(err)
		}
	}
}

// TestAFileKnowsThatNobodyElseHadIt: what was read before then still holds.
func TestAFileKnowsThatNobodyElseHadIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	file := NewFile(path)
	defer file.Close()
	other := NewFile(path)
	defer other.Close()
	take := func(f *File, who Holder) (kept bool) {
		t.Helper()
		release, err := f.Try(who)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		return f.Kept()
	}
	stranger := Holder{PID: 9, Command: "hearth agent"}
	if file.Kept() {
		t.Error("it is kept, and not had")
	}
	for _, step := range []struct {
		name string
		does func()
		kept bool
	}{
		{"the first time", func() {}, false},
		{"the second", func() {}, true},
		{"another looked and did not get it", func() {
			release, err := file.Try(me)
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			if _, err := other.Try(stranger); err == nil {
				t.Fatal("it is had twice")
			}
		}, true},
		{"another had it", func() { take(other, stranger) }, false},
		{"none since then", func() {}, true},
		{"another had it and removed the file", func() { take(other, stranger); other.Close() }, false},
		{"a lock of the other kind", func() {
			l, err := Try(path, stranger)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Release(); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		if step.does(); take(file, me) != step.kept {
			t.Errorf("%s: kept %v", step.name, !step.kept)
		}
	}
}

func TestAFileThatIsClosedLeavesNothingBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	file := NewFile(path)
	file.Close() // nothing was opened
	if _, err := file.Try(me); err != nil {
		t.Fatal(err)
	}
	file.Close()
	if _, err := os.Stat(path); runtime.GOOS != "windows" && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
	l, err := Try(path, me) // and is free
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
}

// Locks of both kinds, by goroutines that remove the file beneath each other.
func TestOnlyOneHoldsAFileAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	shared := NewFile(path)
	defer shared.Close()
	var inside, rounds atomic.Int32
	var wg sync.WaitGroup
	for i := range 9 {
		wg.Go(func() {
			own := NewFile(path)
			defer own.Close()
			try := []func() (func(), error){
				func() (func(), error) { return shared.Try(me) },
				func() (func(), error) { return own.Try(me) },
				func() (func(), error) {
					l, err := Try(path, me)
					return func() { _ = l.Release() }, err
				},
			}[i%3]
			for range 200 {
				release, err := try()
				if err != nil {
					if _, ok := errors.AsType[*HeldError](err); !ok {
						t.Error(err)
					}
					continue
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold it", n)
				}
				rounds.Add(1)
				inside.Add(-1)
				release()
			}
		})
	}
	wg.Wait()
	if rounds.Load() == 0 {
		t.Error("nobody ever had it")
	}
}

func BenchmarkFile(b *testing.B) {
	file := NewFile(filepath.Join(b.TempDir(), "l"))
	defer file.Close()
	for b.Loop() {
		release, err := file.Try(me)
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
}

func TestAHolderThatDoesNotSaySinceWhenWritesNoDate(t *testing.T) {
	b, err := json.Marshal(Holder{PID: 7, Command: "hearth agent"})
	if err != nil || string(b) != `{"pid":7,"command":"hearth agent"}` {
		t.Errorf("written: %s, %v", b, err)
	}
}
