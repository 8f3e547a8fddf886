package probe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearth/model/probe"
)

// read is a part of a prompt, and how long it took.
type read struct {
	from, to int
	took     time.Duration
}

// TestHowLongReadingTakesIsBoundByWhatWasMeasured: what lies beyond it may be as fast, or
// slower in proportion to the depth.
func TestHowLongReadingTakesIsBoundByWhatWasMeasured(t *testing.T) {
	const sec = time.Second
	rows := []struct {
		name        string
		measured    []read
		from, to    int
		least, most time.Duration
	}{
		{"nothing was measured", nil, 0, 1000, 0, 0},
		{"the same again", []read{{0, 1000, sec}}, 0, 1000, sec, sec},
		{"ten times as long a prompt", []read{{0, 1000, sec}}, 0, 10_000, 10 * sec, 100 * sec},
		{"as much, but deeper in the prompt", []read{{0, 1000, sec}}, 9500, 10_500, sec, 20 * sec},
		{"a tenth of it", []read{{0, 1000, sec}}, 0, 100, 10 * time.Millisecond, 100 * time.Millisecond},
		{"between two, where depth costs nothing", []read{{0, 1000, sec}, {0, 10_000, 10 * sec}}, 0, 3000, 3 * sec, 3 * sec},
		{"between two, where depth costs all", []read{{0, 1000, sec}, {0, 10_000, 100 * sec}}, 0, 3000, 9 * sec, 9 * sec},
		{"between two, where it costs some", []read{{0, 1000, sec}, {0, 10_000, 30 * sec}}, 0, 3000, 3 * sec, 9 * sec},
		{"the deep end of a long conversation tells of a long prompt", []read{{19_000, 21_000, 4 * sec}}, 0, 40_000, 80 * sec, 80 * sec},
		{"nothing is left", []read{{0, 1000, sec}}, 1000, 1000, 0, 0},
		{"less than nothing is left", []read{{0, 1000, sec}}, 1000, 900, 0, 0},
		{"it took no time", []read{{0, 1000, 0}}, 0, 1000, 0, 0},
		{"it read nothing", []read{{1000, 1000, sec}}, 0, 1000, 0, 0},
		{"the newest counts among those at its depth", []read{{0, 1000, sec}, {0, 1000, 2 * sec}}, 0, 1000, 1300 * time.Millisecond, 1300 * time.Millisecond},
		{"what is twice as fast or slow takes its place", []read{{0, 1000, time.Hour}, {0, 1000, sec}}, 0, 1000, sec, sec},
		{"deep ones of a time when it was much faster are forgotten", []read{{0, 20_000, 20 * sec}, {0, 1000, 3 * sec}}, 0, 20_000, 60 * sec, 1200 * sec},
		{"deep ones of a time when it was much slower, too", []read{{0, 20_000, 1600 * sec}, {0, 1000, sec}}, 0, 20_000, 20 * sec, 400 * sec},
		{"a little faster with the depth is no contradiction", []read{{0, 1000, sec}, {0, 10_000, 9 * sec}}, 0, 10_000, 10 * sec, 10 * sec},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "capabilities.json")
			c := probe.OpenCache(path)
			for _, m := range row.measured {
				if err := c.ReadingMeasured(here, "m", m.from, m.to, m.took); err != nil {
					t.Fatal(err)
				}
			}
			for who, c := range map[string]*probe.Cache{"this process": c, "another": probe.OpenCache(path)} {
				least, most := c.ReadingTime(here, "m", row.from, row.to)
				if near(least, row.least) && near(most, row.most) {
					continue
				}
				t.Errorf("%s says %v to %v, want %v to %v", who, least, most, row.least, row.most)
			}
		})
	}
}

// near allows for what is rounded when it is kept.
func near(got, want time.Duration) bool {
	return (got - want).Abs() <= want/100
}

// TestWhatIsAboutTheSameIsNotWrittenAgain: a turn is not to cost a write.
func TestWhatIsAboutTheSameIsNotWrittenAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "capabilities.json")
	c := probe.OpenCache(path)
	measure := func(from, to int, took time.Duration) []byte {
		t.Helper()
		if err := c.ReadingMeasured(here, "m", from, to, took); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	first := string(measure(0, 1000, time.Second))
	if again := string(measure(0, 960, 1000*time.Millisecond)); again != first {
		t.Errorf("was %s\nis %s", first, again)
	}
	if again := string(measure(0, 960, 3*time.Second)); again == first {
		t.Error("what is far from it is not kept")
	}
}

// TestWhatIsKeptOfReadingMayBeAnything: nothing that no Hearth wrote breaks an estimate.
func TestWhatIsKeptOfReadingMayBeAnything(t *testing.T) {
	for _, kept := range []string{
		`null`, `[]`, `[{}]`, `[{"depth":0,"perSec":0}]`, `[{"depth":-5,"perSec":10}]`, `[{"depth":5,"perSec":-10}]`,
		`[{"depth":1e300,"perSec":1e-300}]`, `[{"depth":1e-300,"perSec":1e300}]`, `[{"depth":500,"perSec":1e-300}]`,
		`[{"depth":600,"perSec":1},{"depth":600,"perSec":2},{"depth":500,"perSec":1000}]`,
	} {
		path := filepath.Join(t.TempDir(), "capabilities.json")
		text := strings.Replace(`{"version":1,"entries":[{"endpoint":"`+here+`","model":"m","at":"2026-01-01T00:00:00Z","reading":KEPT}]}`, "KEPT", kept, 1)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := probe.OpenCache(path)
		if least, most := c.ReadingTime(here, "m", 0, 1000); least < 0 || most < least || c.Warning() != nil {
			t.Errorf("%s: %v to %v, %v", kept, least, most, c.Warning())
		}
		for range 10 { // what was wrong is outweighed, or contradicted
			if err := c.ReadingMeasured(here, "m", 0, 1000, time.Second); err != nil {
				t.Fatal(err)
			}
		}
		if least, most := c.ReadingTime(here, "m", 0, 1000); least < 500*time.Millisecond || most > 2*time.Second {
			t.Errorf("%s: %v to %v after a second was measured ten times", kept, least, most)
		}
	}
}
