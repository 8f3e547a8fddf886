package probe_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/probe"
)

// oneModel is an Ollama with one model, as far as LetGo asks it.
type oneModel struct {
	mu       sync.Mutex
	resident bool
	stuck    bool
	stays    bool // somebody else uses it, so it is not unloaded
	window   int  // 0 = 64
	asked    []string
}

func (o *oneModel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Prompt    string          `json:"prompt"`
		KeepAlive json.RawMessage `json:"keep_alive"`
		Truncate  *bool           `json:"truncate"`
		Options   struct {
			NumCtx int `json:"num_ctx"`
			NumGPU int `json:"num_gpu"`
		} `json:"options"`
	}
	if b, err := io.ReadAll(r.Body); err == nil && len(b) > 0 {
		_ = json.Unmarshal(b, &body) // what it cannot read it has no opinion of
	}
	o.mu.Lock()
	resident, stuck := o.resident, o.stuck
	o.mu.Unlock()
	switch r.URL.Path {
	case "/":
		_, _ = io.WriteString(w, "Ollama is running")
	case "/api/version":
		_, _ = io.WriteString(w, `{"version":"0.17.4"}`)
	case "/api/tags":
		_, _ = io.WriteString(w, `{"models":[{"name":"tiny:latest"}]}`)
	case "/api/ps":
		if !resident {
			_, _ = io.WriteString(w, `{"models":[]}`)
			return
		}
		_, _ = fmt.Fprintf(w, `{"models":[{"name":"tiny:latest","context_length":%d}]}`, cmp.Or(o.window, 64))
	case "/api/generate":
		o.note(body.Prompt, body.KeepAlive, body.Options.NumCtx, body.Options.NumGPU, body.Truncate)
		switch {
		case body.Prompt == "":
			o.mu.Lock()
			o.resident, o.stuck = o.stays, o.stays
			o.mu.Unlock()
			_, _ = io.WriteString(w, `{"done":true,"done_reason":"unload"}`)
		case stuck:
			<-r.Context().Done()
		default:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"the input length exceeds the context length"}`)
		}
	default:
		http.NotFound(w, r)
	}
}

// note keeps what was asked, in short.
func (o *oneModel) note(prompt string, keep json.RawMessage, window, gpu int, truncate *bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case prompt == "" && string(keep) == "0":
		o.asked = append(o.asked, "unload")
	case len(strings.Fields(prompt)) > window && window == 64 && gpu == 7 && string(keep) == `"1h"` && truncate != nil && !*truncate:
		o.asked = append(o.asked, "too long, as loaded")
	default:
		o.asked = append(o.asked, "something else")
	}
}

func TestAModelThatDoesNotLetGo(t *testing.T) {
	rows := []struct {
		name  string
		model oneModel
		left  bool
		time  time.Duration // that LetGo has
		gone  bool
		asked string
		told  string
	}{
		{"nothing was left", oneModel{resident: true}, false, time.Minute, true, "", ""},
		{"it takes requests", oneModel{resident: true}, true, time.Minute, true, "too long, as loaded", ""},
		{"a prompt that is too long for it is too long for us", oneModel{resident: true, window: 20 << 20}, true, time.Minute, true, "", ""},
		{"it is not in memory", oneModel{}, true, time.Minute, true, "", ""},
		{"it is stuck", oneModel{resident: true, stuck: true}, true, 6 * time.Second, true, "too long, as loaded, unload", "it was told to unload it"},
		{"it is stuck and stays", oneModel{resident: true, stuck: true, stays: true}, true, 6 * time.Second, true, "too long, as loaded, unload", "ollama stop tiny"},
	}
	for i := range rows {
		row := &rows[i]
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(&row.model)
			defer server.Close()
			at, err := model.ParseEndpoint(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			client := model.NewClient(model.ClientConfig{Endpoint: at})
			d := probe.NewDescriber(probe.OpenCache(""), 0)
			if h, err := d.Host(t.Context(), client); err != nil || h.Kind != probe.KindOllama {
				t.Fatalf("it is a %v, %v", h.Kind, err)
			}
			if row.left {
				tg := model.Target{Ref: hearth.ModelRef{Provider: "ollama", Model: "tiny"}, Protocol: "ollama", Endpoint: at}
				d.Left(tg, &model.Request{Model: "tiny", Options: json.RawMessage(`{"num_gpu":7,"keep_alive":"1h","temperature":0.5}`)}, model.Departure{Writing: true})
			}
			ctx, cancel := context.WithTimeout(t.Context(), row.time)
			defer cancel()
			if gone := d.Gone(ctx, at, 0); gone != row.gone {
				t.Errorf("gone: %v, want %v", gone, row.gone)
			}
			told := d.Aftermath(at)
			if asked := strings.Join(row.model.asked, ", "); asked != row.asked || row.told == "" && told != "" || !strings.Contains(told, row.told) {
				t.Errorf("asked %q, told %q; want %q, %q", asked, told, row.asked, row.told)
			}
			if again := d.Aftermath(at); again != "" {
				t.Errorf("told twice: %q", again)
			}
		})
	}
}
