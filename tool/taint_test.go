package tool

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func openTaints(t *testing.T, file string) *Taints {
	t.Helper()
	taints, err := OpenTaints(file)
	if err != nil {
		t.Fatal(err)
	}
	return taints
}

func written(t *testing.T, name string) os.FileInfo {
	t.Helper()
	if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestMarksSurviveARestartAndOtherProcesses(t *testing.T) {
	dir := t.TempDir()
	info := written(t, filepath.Join(dir, "f"))
	one := openTaints(t, filepath.Join(dir, "taints"))
	two := openTaints(t, filepath.Join(dir, "taints"))
	if err := one.Mark("notes/Plan.md"); err != nil {
		t.Fatal(err)
	}
	for name, taints := range map[string]*Taints{"the writer": one, "another process": two, "a restart": openTaints(t, filepath.Join(dir, "taints"))} {
		if !taints.Tainted("notes/plan.md", info) {
			t.Errorf("%s does not know the mark", name)
		}
		if taints.Tainted("notes/other.md", info) {
			t.Errorf("%s taints a file nobody marked", name)
		}
	}
	if err := two.Clear("notes/Plan.md"); err != nil {
		t.Fatal(err)
	}
	if one.Tainted("notes/Plan.md", info) {
		t.Error("a cleared mark is still there")
	}
}

// A file that its owner keeps by hand is theirs again once they have saved it; for every
// other purpose the mark stays.
func TestAnOwnersOwnFileIsTheirsAgainWhenTheySaveIt(t *testing.T) {
	dir := t.TempDir()
	record, soul := filepath.Join(dir, "taints"), filepath.Join(dir, "SOUL.md")
	taints := openTaints(t, record)
	unseen := func(want bool, when string) {
		t.Helper()
		info, err := os.Stat(soul)
		if err != nil {
			t.Fatal(err)
		}
		for name, known := range map[string]*Taints{"this process": taints, "another": openTaints(t, record)} {
			if got := known.Unseen("SOUL.md", info); got != want {
				t.Errorf("%s: %s takes it for unseen: %v", when, name, got)
			}
		}
	}
	written(t, soul)
	unseen(false, "nobody but the owner wrote it")
	write := func() {
		t.Helper()
		if err := taints.Mark("SOUL.md"); err != nil {
			t.Fatal(err)
		}
		if err := taints.MarkFile(written(t, soul)); err != nil {
			t.Fatal(err)
		}
	}
	write()
	unseen(true, "a tainted turn wrote it")
	taints.now = func() time.Time { return time.Now().Add(-time.Hour) }
	write() // an hour ago, as far as the record knows; the file's own stamp is the owner's saving
	unseen(false, "the owner saved it since")
	if info, err := os.Stat(soul); err != nil || !taints.Tainted("SOUL.md", info) {
		t.Errorf("the mark is gone (%v)", err)
	}
	taints.now = time.Now
	ended, err := taints.Run()
	if err != nil {
		t.Fatal(err)
	}
	written(t, soul)
	unseen(true, "it changed while a command runs")
	if err := ended(); err != nil {
		t.Fatal(err)
	}
	unseen(true, "it changed while a command ran")
	if err := os.WriteFile(record, []byte("mark \"soul.md\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	taints = openTaints(t, record)
	unseen(true, "the record does not say when")
}

func TestTheFirstMarkMakesItsFolder(t *testing.T) {
	taints := openTaints(t, filepath.Join(t.TempDir(), "state", "cache", "taints"))
	if err := taints.Mark("poem.txt"); err != nil {
		t.Errorf("in a state folder that has no cache yet: %v", err)
	}
}

func TestFilesChangedWhileACommandRanAreTainted(t *testing.T) {
	dir := t.TempDir()
	taints := openTaints(t, filepath.Join(dir, "taints"))
	ended, err := taints.Run()
	if err != nil {
		t.Fatal(err)
	}
	during := written(t, filepath.Join(dir, "during"))
	if !taints.Tainted("during", during) {
		t.Error("a file written by a running command is not tainted")
	}
	if err := ended(); err != nil {
		t.Fatal(err)
	}
	if !taints.Tainted("during", during) || !openTaints(t, filepath.Join(dir, "taints")).Tainted("during", during) {
		t.Error("a file written by a command that ended is not tainted")
	}
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "during"), past, past); err != nil {
		t.Fatal(err)
	}
	if hidden, _ := os.Stat(filepath.Join(dir, "during")); changed(hidden) != hidden.ModTime() && !taints.Tainted("during", hidden) {
		t.Error("setting the modification time back hides the change")
	}
}

func TestFilesChangedOutsideARunAreTheOwners(t *testing.T) {
	dir := t.TempDir()
	taints := openTaints(t, filepath.Join(dir, "taints"))
	clock := time.Now().Add(-time.Hour)
	taints.now = func() time.Time { clock = clock.Add(time.Second); return clock }
	ended, err := taints.Run()
	if err != nil {
		t.Fatal(err)
	}
	if err := ended(); err != nil {
		t.Fatal(err)
	}
	if taints.Tainted("f", written(t, filepath.Join(dir, "f"))) {
		t.Error("a file changed an hour after the command is tainted")
	}
}

func TestALostRunTaintsForAWhile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "taints")
	lost := openTaints(t, file)
	start := time.Now()
	lost.now = func() time.Time { return start }
	if _, err := lost.Run(); err != nil {
		t.Fatal(err)
	}
	if !openTaints(t, file).Tainted("f", written(t, filepath.Join(dir, "f"))) {
		t.Error("the file of a command whose gateway died is not tainted")
	}
	start = start.Add(-2 * lostRun)
	old := filepath.Join(dir, "old")
	gone := openTaints(t, old)
	gone.now = func() time.Time { return start }
	if _, err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	if openTaints(t, old).Tainted("f", written(t, filepath.Join(dir, "f"))) {
		t.Error("a command lost two hours ago still taints")
	}
}

func TestATornLineDoesNotSwallowTheNext(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "taints")
	if err := os.WriteFile(file, []byte("mark \"a\"\nmark \"b"), 0o600); err != nil {
		t.Fatal(err)
	}
	taints := openTaints(t, file)
	if err := taints.Mark("c"); err != nil {
		t.Fatal(err)
	}
	info := written(t, filepath.Join(dir, "f"))
	again := openTaints(t, file)
	if !again.Tainted("a", info) || !again.Tainted("c", info) {
		t.Error("a mark beside a torn line is lost")
	}
}

func TestAnUnreadableRecordTaints(t *testing.T) {
	dir := t.TempDir()
	taints := openTaints(t, filepath.Join(dir, "taints"))
	if err := os.Mkdir(filepath.Join(dir, "taints"), 0o700); err != nil {
		t.Fatal(err)
	}
	if !taints.Tainted("f", written(t, filepath.Join(dir, "f"))) {
		t.Error("a record that cannot be read vouches for a file")
	}
	if taints.Mark("f") == nil {
		t.Error("a mark that was not written is reported as kept")
	}
}

func TestNoRecordTaintsNothing(t *testing.T) {
	var none *Taints
	if err := none.Mark("f"); err != nil || none.Tainted("f", written(t, filepath.Join(t.TempDir(), "f"))) {
		t.Errorf("nil record: Mark gave %v", err)
	}
	ended, err := none.Run()
	if err != nil || ended() != nil {
		t.Error("nil record refuses a run")
	}
}

func TestAWindowKnowsCoarseClocks(t *testing.T) {
	from := time.Unix(100, 500_000_000)
	w := window{from, from.Add(10 * time.Second)}
	for at, want := range map[time.Time]bool{
		from:                              true,
		from.Add(-10 * time.Millisecond):  true,  // a tick behind
		time.Unix(100, 0):                 true,  // no fractions
		time.Unix(99, 0):                  true,  // even seconds
		time.Unix(98, 0):                  false, // too long before
		from.Add(-time.Second):            false,
		from.Add(10*time.Second + coarse): true,
		from.Add(11 * time.Second):        false,
	} {
		if got := w.holds(at); got != want {
			t.Errorf("%s before or after the start: %t", at.Sub(from), got)
		}
	}
}
