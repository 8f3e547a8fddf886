package probe

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"hearth/internal/atomicfile"
	"hearth/model"
)

// A Cache keeps what servers said of their models, what they taught by refusing, and
// what probes found, in one file that processes share. What is kept belongs to an
// endpoint, a build of its server and a model: a lesson does not outlive the server
// that taught it. Its methods may be called from any goroutine.
type Cache struct {
	path string

	mu      sync.Mutex // guards the fields below
	entries []entry
	read    bool
	seen    fs.FileInfo // the file that entries are from; nil = there was none
	looked  time.Time   // when it was last compared
	warning error
}

// entry is what is kept of one model at one build of a server.
type entry struct {
	Endpoint string `json:"endpoint"` // origin
	Model    string `json:"model"`
	Build    string `json:"build,omitempty"`
	// At is when it was last the build in use. Of one endpoint's entries the newest counts.
	At      time.Time   `json:"at"`
	Server  model.Layer `json:"server,omitzero"`
	Lessons model.Layer `json:"lessons,omitzero"`
	Probe   model.Layer `json:"probe,omitzero"`
	// Refused is when a refusal last named the window that is among the lessons.
	Refused time.Time `json:"refused,omitzero"`
	// Reading is how fast it reads prompts, as measured.
	Reading pace `json:"reading,omitempty"`
	// Tokens is how the model counts, as learned from its counts.
	Tokens tokenRatio `json:"tokens,omitzero"`
	// Begins is above zero when answers were seen to begin inside reasoning, below it when
	// they were seen not to.
	Begins int `json:"begins,omitempty"`
	// Loading is when its server was told to load it by somebody who saw no end of that.
	Loading time.Time `json:"loading,omitzero"`
}

// tokenRatio is how many tokens text is, the scripts apart.
type tokenRatio struct {
	ASCII float64 `json:"ascii"` // for a weight of one in ASCII, as package prompt weighs
	Other float64 `json:"other"` // for one other character
}

// cacheFile is the file's content.
type cacheFile struct {
	Version int     `json:"version"`
	Entries []entry `json:"entries"`
}

const (
	cacheVersion = 1
	mostEntries  = 400
	// lookAgain is for how long a file that another process may have written counts as
	// the same: within a turn the cache is asked many times.
	lookAgain = 50 * time.Millisecond
)

// OpenCache gives the cache in the file at path, which is read when it is first needed
// and need not exist. An empty path keeps everything in memory.
func OpenCache(path string) *Cache { return &Cache{path: path} }

// Warning says why the file could not be read, if it could not: then nothing is known
// until it is learned again, and the next write replaces it.
func (c *Cache) Warning() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load()
	return c.warning
}

// Layers gives what is kept of a model: what its server said and taught, and what a
// probe found there.
func (c *Cache) Layers(endpoint, id string) (server, probed model.Layer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load()
	if e := c.current(endpoint, id); e != nil {
		lessons := e.Lessons
		if e.Server.Window != nil || time.Since(e.Refused).Abs() > refusalHolds { // or before it, by a clock that was ahead
			lessons = withoutWindow(lessons) // what it says now counts more than what it once refused
		}
		return lessons.Over(e.Server), e.Probe
	}
	return model.Layer{}, model.Layer{}
}

// kind is what the server at an endpoint was last known to be; "" where nobody asked it.
func (c *Cache) kind(endpoint string) Kind {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load()
	var newest *entry
	for i := range c.entries {
		if e := &c.entries[i]; e.Endpoint == endpoint && e.Server.Server != nil && (newest == nil || e.At.After(newest.At)) {
			newest = e
		}
	}
	if newest == nil {
		return ""
	}
	return Kind(*newest.Server.Server)
}

// Described keeps what a server says of a model. What changes from minute to minute
// (whether it is loaded) is not kept. What a probe found counts no more where the server
// says otherwise than it did then: it was started anew, perhaps with another model.
func (c *Cache) Described(endpoint, id string, l model.Layer) error {
	return c.changes(func() bool { return c.described(endpoint, id, l) })
}

// DescribedAll is Described of several models, in one write.
func (c *Cache) DescribedAll(endpoint string, says map[string]model.Layer) error {
	return c.changes(func() (changed bool) {
		for _, id := range slices.Sorted(maps.Keys(says)) {
			changed = c.described(endpoint, id, says[id]) || changed
		}
		return changed
	})
}

func (c *Cache) described(endpoint, id string, l model.Layer) (changed bool) {
	l.Resident = nil
	build := ""
	if l.Build != nil {
		build = *l.Build
	}
	return c.edited(endpoint, id, func() *entry {
		e := c.find(endpoint, id, build)
		if other(e.Server.TrainedMax, l.TrainedMax) || other(e.Server.ParamsB, l.ParamsB) {
			*e = entry{Endpoint: endpoint, Model: id, Build: build} // another model has the name
		}
		e.Probe, e.Server = e.Probe.WithoutChanged(e.Server, l), l
		return e
	})
}

// other reports whether two values are known and differ.
func other[T comparable](a, b *T) bool { return a != nil && b != nil && *a != *b }

// Learn adds a lesson to the build that taught it. It counts more than what a probe found
// before.
func (c *Cache) Learn(endpoint, id string, r *model.Refusal) error {
	return c.change(endpoint, id, func() *entry {
		e := c.currentOrNew(endpoint, id)
		lesson := r.Teach()
		lesson.Evidence = map[string]string{string(r.Lesson): "the server said: " + r.Words}
		e.Lessons, e.Probe = lesson.Over(e.Lessons), e.Probe.Without(lesson)
		return e
	})
}

// refusalHolds is for how long the window that a refusal named is believed. Its server may
// have been started anew with more since, and never says so; asking too much again costs
// one refusal, which comes before anything is read.
const refusalHolds = time.Hour

func withoutWindow(l model.Layer) model.Layer {
	l.Window, l.WindowRefused, l.Evidence = nil, nil, maps.Clone(l.Evidence)
	delete(l.Evidence, "window")
	return l
}

// LearnWindow keeps the window that a server named when it refused a request that was
// too long. It counts only while the server does not say its window, for an hour, and until
// the model is probed.
func (c *Cache) LearnWindow(endpoint, id string, tokens int) error {
	return c.change(endpoint, id, func() *entry {
		e := c.currentOrNew(endpoint, id)
		e.Lessons = model.Layer{Window: &tokens, WindowRefused: new(true), Evidence: map[string]string{"window": "the server refused a longer request"}}.Over(e.Lessons)
		e.Refused = time.Now().UTC().Truncate(time.Second)
		return e
	})
}

// Probed keeps what a probe found, and believes no refusal of before about the same.
func (c *Cache) Probed(endpoint, id string, l model.Layer) error {
	return c.change(endpoint, id, func() *entry {
		e := c.currentOrNew(endpoint, id)
		e.Probe, e.Lessons, e.Refused = l, withoutWindow(e.Lessons.Without(l)), time.Time{}
		return e
	})
}

// ReadingTime is how long a model takes to read a prompt from one token of it to another, at
// least and at most, by what was measured; zeros = nothing was.
func (c *Cache) ReadingTime(endpoint, id string, from, to int) (least, most time.Duration) {
	return c.pace(endpoint, id).time(from, to)
}

func (c *Cache) pace(endpoint, id string) pace {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load()
	if e := c.current(endpoint, id); e != nil {
		return e.Reading
	}
	return nil
}

// ReadingMeasured keeps how long a model took to read a prompt from one token of it to
// another. What changes little is not worth a write.
func (c *Cache) ReadingMeasured(endpoint, id string, from, to int, took time.Duration) error {
	if to <= from || took <= 0 {
		return nil
	}
	had := c.pace(endpoint, id)
	now := had.with(from, to, took)
	if slices.EqualFunc(now, had, stretch.near) {
		return nil
	}
	return c.change(endpoint, id, func() *entry {
		e := c.currentOrNew(endpoint, id)
		e.Reading = now
		return e
	})
}

// TokenRatio is how many tokens of a model a weight of one in ASCII, as package prompt
// weighs text, and one other character are; zeros = not learned.
func (c *Cache) TokenRatio(endpoint, id string) (ascii, other float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load()
	if e := c.current(endpoint, id); e != nil {
		return e.Tokens.ASCII, e.Tokens.Other
	}
	return 0, 0
}

// TokensCounted keeps how a model counts. What is about the same as before is not worth a
// write.
func (c *Cache) TokensCounted(endpoint, id string, ascii, other float64) error {
	same := func(had, now float64) bool { return math.Abs(now-had) < had/sameSpeed }
	if hadASCII, hadOther := c.TokenRatio(endpoint, id); same(hadASCII, ascii) && same(hadOther, other) {
		return nil
	}
	thousandths := func(v float64) float64 { return math.Round(v*1000) / 1000 }
	return c.change(endpoint, id, func() *entry {
		e := c.currentOrNew(endpoint, id)
		e.Tokens = tokenRatio{thousandths(ascii), thousandths(other)}
		return e
	})
}

// Begins says whether a model's answers were seen to begin inside reasoning; known is
// false where that was not seen, or seen both ways.
func (c *Cache) Begins(endpoint, id string) (inReasoning, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load()
	if e := c.current(endpoint, id); e != nil {
		return e.Begins > 0, e.Begins != 0
	}
	return false, false
}

// Began keeps how an answer began. One plain answer does not outweigh a reasoned one:
// models skip their reasoning at times.
func (c *Cache) Began(endpoint, id string, inReasoning bool) error {
	return c.change(endpoint, id, func() *entry {
		e := c.currentOrNew(endpoint, id)
		if e.Begins = max(e.Begins-1, -1); inReasoning {
			e.Begins = 2
		}
		return e
	})
}

// loading is when a server was told to load a model, zero where that ended.
func (c *Cache) loading(endpoint, id string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load()
	if e := c.current(endpoint, id); e != nil {
		return e.Loading
	}
	return time.Time{}
}

// setLoading keeps it; the zero time says that it ended.
func (c *Cache) setLoading(endpoint, id string, at time.Time) error {
	return c.change(endpoint, id, func() *entry {
		e := c.currentOrNew(endpoint, id)
		e.Loading = at
		return e
	})
}

// sameSpeed is the part of a measured value by which another one must differ to be kept.
const sameSpeed = 20

// change applies edit to what the file holds now, and writes it if anything is new.
func (c *Cache) change(endpoint, id string, edit func() *entry) error {
	return c.changes(func() bool { return c.edited(endpoint, id, edit) })
}

// changes applies edits to what the file holds now, and writes it if they changed anything.
// Another process that writes at the same moment may lose what was learned here; it
// will be learned again.
func (c *Cache) changes(edits func() bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = c.path == "" && c.read
	c.load()
	if !edits() {
		return nil
	}
	return c.write()
}

// edited applies edit to a model's entry, and reports whether that changed anything.
func (c *Cache) edited(endpoint, id string, edit func() *entry) bool {
	before, was := slices.Clone(c.entries), c.current(endpoint, id)
	var build string
	if was != nil {
		build = was.Build
	}
	e := edit()
	at := slices.IndexFunc(before, e.same)
	if was != nil && build == e.Build && at >= 0 && bytes.Equal(before[at].encode(), e.encode()) {
		return false
	}
	e.At = c.next(e)
	for newest := *e; len(c.entries) > mostEntries; {
		c.dropOneBut(&newest)
	}
	return true
}

// next is the time for an entry that is the newest of its endpoint now: after all others,
// also those of a clock that was ahead and was set right.
func (c *Cache) next(e *entry) time.Time {
	at := time.Now().UTC().Truncate(time.Second)
	for i := range c.entries {
		other := &c.entries[i]
		if other != e && other.Endpoint == e.Endpoint && (other.At.After(at) || other.Model == e.Model && other.At.Equal(at)) {
			at = other.At.Add(time.Second)
		}
	}
	return at
}

func (c *Cache) write() error {
	if c.path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(c.path), 0o700); err != nil {
		return fmt.Errorf("keep what a server said: %w", err)
	}
	if err := atomicfile.Write(c.path, c.encode(), 0o600); err != nil {
		return fmt.Errorf("keep what a server said: %w", err)
	}
	c.warning, c.seen = nil, c.stat()
	return nil
}

// stat gives the file as it is now, nil where there is none.
func (c *Cache) stat() fs.FileInfo {
	info, err := os.Stat(c.path)
	if err != nil {
		return nil
	}
	return info
}

func (c *Cache) encode() []byte {
	b, err := json.MarshalIndent(cacheFile{cacheVersion, c.entries}, "", " ")
	if err != nil {
		return nil // layers are plain data
	}
	return append(b, '\n')
}

// load reads the file, once for each time that somebody wrote it.
func (c *Cache) load() {
	if c.path == "" {
		return
	}
	if c.read && time.Since(c.looked) < lookAgain {
		return
	}
	now := c.stat()
	c.looked = time.Now()
	if c.read && (now == nil && c.seen == nil || now != nil && c.seen != nil &&
		os.SameFile(now, c.seen) && now.Size() == c.seen.Size() && now.ModTime().Equal(c.seen.ModTime())) {
		return
	}
	c.read, c.seen = true, now
	b, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		c.entries = nil
		return
	}
	var file cacheFile
	if err == nil {
		err = json.Unmarshal(b, &file)
	}
	if err == nil && file.Version != cacheVersion {
		err = fmt.Errorf("it has version %d, and this Hearth reads %d", file.Version, cacheVersion)
	}
	if err != nil {
		c.warning = fmt.Errorf("read %s: %w", c.path, err)
		return
	}
	c.entries = file.Entries
}

// current is the entry of the build that was last in use, or nil.
func (c *Cache) current(endpoint, id string) *entry {
	var newest *entry
	for i := range c.entries {
		e := &c.entries[i]
		if e.Endpoint == endpoint && e.Model == id && (newest == nil || cmp.Compare(e.At.UnixNano(), newest.At.UnixNano()) >= 0) {
			newest = e
		}
	}
	return newest
}

func (c *Cache) currentOrNew(endpoint, id string) *entry {
	if e := c.current(endpoint, id); e != nil {
		return e
	}
	return c.find(endpoint, id, "")
}

// find gives the entry of one build, made if there is none.
func (c *Cache) find(endpoint, id, build string) *entry {
	for i := range c.entries {
		if e := &c.entries[i]; e.Endpoint == endpoint && e.Model == id && e.Build == build {
			return e
		}
	}
	c.entries = append(c.entries, entry{Endpoint: endpoint, Model: id, Build: build})
	return &c.entries[len(c.entries)-1]
}
