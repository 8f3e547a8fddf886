package probe

import (
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"hearth/model"
)

// dropOneBut takes out the oldest entry of the endpoint with the most: first of those that hold
// only what their server will say again. A proxy may list thousands, and they push out nothing
// that was learned of another server.
func (c *Cache) dropOneBut(kept *entry) {
	type kind struct {
		endpoint string
		bare     bool
	}
	oldest, number := map[kind]int{}, map[kind]int{}
	var most kind
	for i := range c.entries {
		e := &c.entries[i]
		if kept.same(*e) {
			continue
		}
		k := kind{e.Endpoint, e.bare()}
		if number[k]++; number[k] == 1 || e.At.Before(c.entries[oldest[k]].At) {
			oldest[k] = i
		}
		if k.bare && !most.bare || k.bare == most.bare && number[k] > number[most] {
			most = k
		}
	}
	c.entries = slices.Delete(c.entries, oldest[most], oldest[most]+1)
}

// same reports whether two entries are of one model at one build.
func (e *entry) same(other entry) bool {
	return e.Endpoint == other.Endpoint && e.Model == other.Model && e.Build == other.Build
}

func (e *entry) encode() []byte {
	b, err := json.Marshal(e)
	if err != nil {
		return nil // layers are plain data
	}
	return b
}

// bare reports whether an entry holds nothing but what its server says.
func (e *entry) bare() bool {
	rest := *e
	rest.Endpoint, rest.Model, rest.Build, rest.At, rest.Server = "", "", "", time.Time{}, model.Layer{}
	return reflect.ValueOf(rest).IsZero()
}
