package responses

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"hearth"
	"hearth/model/modeltest"
)

// Whatever a server streams: a stop comes once, last, and no call has an id that was there.
func FuzzAnswer(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(modeltest.Part(archive, "answer")))
	}
	f.Add([]byte(`{"type":"response.output_item.done","item":{"type":"function_call","call_id":"a","name":"read","arguments":{}}}` + "\n" + `{"type":"response.done"}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		req := sample()
		ids := map[hearth.CallID]bool{}
		for _, m := range req.Messages {
			for _, p := range m.Parts {
				if p.Call != nil {
					ids[p.Call.ID] = true
				}
			}
		}
		made := 0
		d := newDecoder(req, func() hearth.CallID { made++; return hearth.CallID("made" + strings.Repeat("x", made)) })
		for line := range strings.Lines(string(answer)) {
			deltas, done, failed := d.frame([]byte(strings.TrimPrefix(line, "data: ")))
			if done && (len(deltas) == 0 || failed != nil) {
				t.Fatalf("%q is done without a stop", line)
			}
			for i, delta := range deltas {
				if (delta.Stop != "") != (done && i == len(deltas)-1) {
					t.Fatalf("%q: delta %d of %d is %+v, done %v", line, i, len(deltas), delta, done)
				}
				if delta.Opaque != nil && !json.Valid(delta.Opaque) {
					t.Fatalf("%q: opaque %q", line, delta.Opaque)
				}
				if c := delta.Call; c != nil {
					if c.ID == "" || ids[c.ID] {
						t.Fatalf("%q: a call with the id %q, which is taken", line, c.ID)
					}
					ids[c.ID] = true
				}
			}
			if done {
				return
			}
		}
	})
}
