package model_test

import (
	"testing"

	"hearth/model"
)

// TestAnAgentsCapAsksForNoOtherWindow: it is planned for less, and the server serves what it
// serves all of them.
func TestAnAgentsCapAsksForNoOtherWindow(t *testing.T) {
	number := func(n int) *int { return &n }
	for _, row := range []struct {
		name            string
		layers          model.Layers
		planned, served int
		known           bool
		source          string
	}{
		{"no cap", model.Layers{Catalog: model.Layer{Window: number(16384)}}, 16384, 16384, true, "catalog"},
		{"a smaller cap", model.Layers{Cap: 8000, Catalog: model.Layer{Window: number(16384)}}, 8000, 16384, true, "config"},
		{"a larger cap", model.Layers{Cap: 32768, Catalog: model.Layer{Window: number(16384)}}, 16384, 16384, true, "catalog"},
		{"a cap where nobody knows", model.Layers{Cap: 32768, Default: model.DefaultLayer()}, 32768, 0, true, "config"},
		{"nobody knows", model.Layers{Default: model.DefaultLayer()}, model.DefaultWindow, 0, false, "default"},
		{"a cap on a server's own word", model.Layers{Cap: 4000, Server: model.Layer{Window: number(9000)}}, 4000, 9000, true, "config"},
	} {
		c := row.layers.Merge()
		if c.Window != row.planned || c.Served != row.served || c.WindowKnown != row.known || row.layers.WindowSource() != row.source {
			t.Errorf("%s: planned %d, served %d, known %v, by %s", row.name, c.Window, c.Served, c.WindowKnown, row.layers.WindowSource())
		}
	}
}

func TestTheWindowThatIsAskedFor(t *testing.T) {
	for _, row := range []struct {
		name    string
		options string
		caps    model.Capabilities
		want    int
	}{
		{"its owner's word", `{"num_ctx":9000}`, model.Capabilities{Served: 16384}, 9000},
		{"an odd word", `{"num_ctx":"many"}`, model.Capabilities{Served: 16384}, 0},
		{"what is served", `{"top_k":4}`, model.Capabilities{Served: 16384, Window: 8000, WindowKnown: true}, 16384},
		{"a plan of before there were caps", "", model.Capabilities{Window: 8000, WindowKnown: true}, 8000},
		{"what it was trained for", "", model.Capabilities{Window: 16384, TrainedMax: 4096}, 4096},
		{"trained for more", "", model.Capabilities{TrainedMax: 1 << 20}, 16384},
		{"nothing is known", "no JSON", model.Capabilities{}, 16384},
	} {
		r := model.Request{Options: []byte(row.options), Capabilities: row.caps}
		if got := r.AskedWindow(); got != row.want {
			t.Errorf("%s: %d, want %d", row.name, got, row.want)
		}
	}
}

func TestOptionsWithTheWindowOfOthers(t *testing.T) {
	for _, row := range []struct{ options, others, want string }{
		{`{"a":1,"num_ctx":5}`, `{"num_ctx":5,"b":2}`, `{"a":1,"num_ctx":5}`},
		{`{"a":"<&>","num_ctx":5}`, `{"num_ctx":6}`, `{"a":"<&>","num_ctx":6}`},
		{`{"num_ctx":5}`, ``, ``},
		{`{"z":1}`, `{}`, `{"z":1}`},
		{``, `{"num_ctx":7}`, `{"num_ctx":7}`},
		{`null`, `null`, `null`},
		{`[1]`, `{"num_ctx":7}`, `[1]`},
		{`{"a":1}`, `no JSON`, `{"a":1}`},
	} {
		if got := model.WithWindowOf([]byte(row.options), []byte(row.others)); string(got) != row.want {
			t.Errorf("%s with the window of %s: %s, want %s", row.options, row.others, got, row.want)
		}
	}
}
