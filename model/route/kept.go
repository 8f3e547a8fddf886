package route

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hearth"
	"hearth/internal/atomicfile"
	"hearth/model"
)

// keptRest is a rest as it lies in the file that processes share. Of the failure only the
// reason is kept: a server's words may hold what is secret.
type keptRest struct {
	Of     string        `json:"of"`
	Mark   string        `json:"mark"` // of the config that it failed with
	At     time.Time     `json:"at"`
	Until  time.Time     `json:"until"`
	SpanMS int64         `json:"spanMS"`
	Reason hearth.Reason `json:"reason"`
}

// counts reports whether a kept rest still says anything. A clock that was set back, or a
// file that somebody else wrote, keeps nobody from a model.
func (k *keptRest) counts(now time.Time) bool {
	span := k.Until.Sub(k.At)
	return !k.At.After(now) && span > 0 && span <= max(longestLockout, longestAsked) && now.Sub(k.Until) < restForgotten
}

// Keep has the rests of vendors' models outlive the process, in the file at path; mark
// names the config that a target is asked with, so that a new key or address begins anew.
// A server of the owner's is not in it, but for whether its address was silent: it may
// have been started a moment ago, and asking costs little. Two processes that write at
// once lose a rest at worst. It is called before anything else.
func (c *Cooldowns) Keep(path string, mark func(t model.Target) string) { c.path, c.mark = path, mark }

// silentFor is how long it is remembered that an address was silent. It is not renewed by
// a shorter look, so that a server that is far away is soon given its whole time again.
const silentFor = 5 * time.Minute

// Silent notes, for the next processes, that nobody at an origin took or refused a
// connection in all the time there is for that.
func (c *Cooldowns) Silent(origin string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.path == "" || c.silent(origin) {
		return
	}
	now := time.Now()
	key := ofOrigin(origin)
	c.before = c.read()
	c.before[key] = keptRest{Of: key, At: now.UTC(), Until: now.Add(silentFor).UTC(), Reason: hearth.ReasonUnreachable}
	c.write()
}

// WasSilent reports whether an origin was, in the last minutes, and has not been heard of
// since: then a short look is enough.
func (c *Cooldowns) WasSilent(origin string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.path != "" && c.silent(origin)
}

func (c *Cooldowns) silent(origin string) bool {
	return c.kept()[ofOrigin(origin)].Until.After(time.Now())
}

// Heard tells that somebody at an origin took or refused a connection.
func (c *Cooldowns) Heard(origin string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(ofOrigin(origin))
}

func ofOrigin(origin string) string { return "silent " + origin }

// of gives what is known of a rest, by this process or an earlier one. The caller holds c.mu.
func (c *Cooldowns) of(key string, t *model.Target) rest {
	if r, ok := c.rests[key]; ok || c.path == "" || local(t) {
		return r
	}
	k, ok := c.kept()[key]
	if !ok || k.Mark != c.mark(*t) {
		return rest{}
	}
	return rest{until: k.Until, span: time.Duration(k.SpanMS) * time.Millisecond}
}

// whyKept is Why of an earlier process. The caller holds c.mu.
func (c *Cooldowns) whyKept(t *model.Target) string {
	if c.path == "" || local(t) {
		return ""
	}
	for _, key := range []string{ofModel(*t), ofAccount(*t), ofServed(*t)} {
		if k, ok := c.kept()[key]; ok && k.Until.After(time.Now()) && k.Mark == c.mark(*t) {
			return strings.ReplaceAll(string(k.Reason), "_", " ")
		}
	}
	return ""
}

// kept gives the file's rests that count, as they were when they were first needed. What
// cannot be read is nothing. The caller holds c.mu.
func (c *Cooldowns) kept() map[string]keptRest {
	if c.before == nil {
		c.before = c.read()
	}
	return c.before
}

func (c *Cooldowns) read() map[string]keptRest {
	out, all := make(map[string]keptRest), []keptRest(nil)
	b, err := os.ReadFile(c.path)
	if err != nil || json.Unmarshal(b, &all) != nil {
		return out
	}
	now := time.Now()
	for _, k := range all {
		if k.counts(now) {
			out[k.Of] = k
		}
	}
	return out
}

// keep puts a rest into the file, as it is now. The caller holds c.mu.
func (c *Cooldowns) keep(key string, t *model.Target, r rest, reason hearth.Reason) {
	if c.path == "" || local(t) || t.Endpoint.Locality.Own() && reason == hearth.ReasonUnreachable {
		return
	}
	now := time.Now()
	if reason == hearth.ReasonUnreachable || reason == hearth.ReasonTimeout { // the network may be back any moment
		if soon := now.Add(firstRest); soon.Before(r.until) {
			r.until = soon
		}
	}
	c.before = c.read()
	c.before[key] = keptRest{Of: key, Mark: c.mark(*t), At: now.UTC(), Until: r.until.UTC(), SpanMS: r.span.Milliseconds(), Reason: reason}
	c.write()
}

// drop takes rests out of the file. The caller holds c.mu.
func (c *Cooldowns) drop(keys ...string) {
	if c.path == "" {
		return
	}
	known := false
	for _, key := range keys {
		_, ok := c.kept()[key]
		known = known || ok
	}
	if !known {
		return
	}
	c.before = c.read()
	for _, key := range keys {
		delete(c.before, key)
	}
	c.write()
}

// write is best effort: a full disk costs a request that fails once more.
func (c *Cooldowns) write() {
	all := make([]keptRest, 0, len(c.before))
	for _, key := range slices.Sorted(maps.Keys(c.before)) {
		all = append(all, c.before[key])
	}
	b, err := json.MarshalIndent(all, "", " ")
	if err == nil && os.MkdirAll(filepath.Dir(c.path), 0o700) == nil {
		_ = atomicfile.Write(c.path, append(b, '\n'), 0o600)
	}
}
