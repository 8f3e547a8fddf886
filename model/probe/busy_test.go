package probe_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hearth"
	"hearth/internal/netguard"
	"hearth/model"
	"hearth/model/probe"
)

func TestGone(t *testing.T) {
	rows := []struct {
		name, scene, path, reply string
		slot                     int
		gone                     bool
	}{
		{"our slot works", "llamacpp.txt", "/slots", `[{"id":0,"is_processing":false},{"id":1,"is_processing":true}]`, 1, false},
		{"another slot works", "llamacpp.txt", "/slots", `[{"id":0,"is_processing":false},{"id":1,"is_processing":true}]`, 0, true},
		{"the only slot works", "llamacpp-captured.txt", "/slots", `[{"id":0,"is_processing":true}]`, -1, false},
		{"slots are switched off", "llamacpp.txt", "/slots", `{"error":{"code":501}}`, 0, true},
		{"vLLM works", "vllm.txt", "/metrics", "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{model_name=\"x\"} 1.0\n", -1, false},
		{"vLLM is idle", "vllm.txt", "/metrics", "vllm:num_requests_running{model_name=\"x\"} 0.0\nvllm:num_requests_running_total 7\n", -1, true},
		{"Ollama has nothing to ask", "ollama.txt", "/none", "", -1, true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			server := overlaid(t, row.scene, row.path, row.reply)
			c := client(t, server.URL)
			d := probe.NewDescriber(probe.OpenCache(""), time.Hour)
			if !d.Gone(t.Context(), c.Endpoint(), row.slot) {
				t.Error("a server that nobody asked who it is was waited for")
			}
			if _, err := d.Host(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if got := d.Gone(t.Context(), c.Endpoint(), row.slot); got != row.gone {
				t.Errorf("gone %v, want %v", got, row.gone)
			}
		})
	}
}

// overlaid serves a scene in which one path answers otherwise, until the test ends.
func overlaid(t *testing.T, scene, path, reply string) *httptest.Server {
	s := load(t, scene)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			_, _ = io.WriteString(w, reply)
			return
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

// A server that shows nothing reads a prompt to its end, as far as anybody knows.
func TestGoneWhereNothingIsShown(t *testing.T) {
	idle := `[{"id":0,"is_processing":false},{"id":1,"is_processing":false}]`
	hosted := hearth.LocalityHosted
	rows := []struct {
		name, scene, path, reply string
		where                    *hearth.Locality // of the model; nil = as the server
	}{
		{name: "Ollama with a model of its cloud, which may drop it", scene: "ollama.txt", where: &hosted},
		{name: "LM Studio", scene: "lmstudio.txt"},
		{name: "Ollama", scene: "ollama.txt"},
		{name: "a server that nobody knows", scene: "unknown.txt"},
		{name: "llama-server, which drops a prompt; slots switched off", scene: "llamacpp.txt", path: "/slots", reply: `{"error":{"code":501}}`},
		{name: "vLLM, which drops a prompt; metrics switched off", scene: "vllm.txt", path: "/metrics", reply: "# nothing"},
		{name: "llama-server, which shows its slots", scene: "llamacpp.txt", path: "/slots", reply: idle},
		{name: "vLLM, which shows its requests", scene: "vllm.txt", path: "/metrics", reply: "vllm:num_requests_running 0.0\n"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			server := overlaid(t, row.scene, row.path, row.reply)
			c := client(t, server.URL)
			d := probe.NewDescriber(probe.OpenCache(""), time.Hour)
			if _, err := d.Host(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			at, drops, away := c.Endpoint(), row.where == nil && strings.Contains(row.name, "which"), row.where != nil
			gone := func(when string, want bool) {
				t.Helper()
				if got := d.Gone(t.Context(), at, 0); got != want {
					t.Errorf("%s: gone %v, want %v", when, got, want)
				}
			}
			left := func(how model.Departure) {
				d.Left(model.Target{Endpoint: at, Layers: model.Layers{Server: model.Layer{Locality: row.where}}}, &model.Request{Model: "m"}, how)
			}
			told := func(when string, want bool) {
				t.Helper()
				if got := d.Doubt(at); (got == "the server may still read the request that was stopped; what comes next waits for that") != want || !want && got != "" {
					t.Errorf("%s: told %q", when, got)
				}
			}
			late := func(when string, want bool) {
				t.Helper()
				if got := d.Late(at); (got == "the server may still read the request that was stopped") != want || !want && got != "" {
					t.Errorf("%s: if it is late, told %q", when, got)
				}
			}
			late("nothing was stopped", false)
			left(model.Departure{})
			late("it did not have the request yet", false)
			gone("it did not have the request yet", true)
			told("it did not have the request yet", false)
			left(model.Departure{Reading: true, Unsure: true})
			gone("nothing is known of its reading", true)
			told("nothing is known of its reading", !drops && !away)
			late("nothing is known of its reading", !drops && !away)
			late("it was told", false)
			left(model.Departure{Reading: true, Unread: time.Hour})
			gone("it has an hour to read", drops)
			if what, eta := d.Busy(at); drops != (what == "") || !drops && (what != "the server still reads the request that was stopped" || eta <= 59*time.Minute || eta > time.Hour) {
				t.Errorf("told %q, %s", what, eta)
			}
			left(model.Departure{Writing: true})
			late("it has begun to answer a later one", false)
			gone("it has begun to answer a later one", true)
			if what, eta := d.Busy(at); what != "" || eta != 0 {
				t.Errorf("told %q, %s", what, eta)
			}
			left(model.Departure{Reading: true, Unread: time.Nanosecond})
			for !d.Gone(t.Context(), at, 0) { // it has read all by now, or in a moment
				runtime.Gosched()
			}
			told("its reading was foreseen", false)
			late("its reading was foreseen, and may take longer", !drops && !away)
			left(model.Departure{Reading: true, Unread: time.Nanosecond, Unsure: true})
			for !d.Gone(t.Context(), at, 0) {
				runtime.Gosched()
			}
			told("nothing as long was measured", !drops && !away)
			left(model.Departure{Reading: true, Unread: time.Hour})
			server.Close()
			c.CloseIdle()
			gone("nobody listens", true)
			late("nobody listens", false)
		})
	}
}

// Another process goes on from what the first one knew, also where the server is too busy
// reading to say what it is.
func TestGoneInAnotherProcess(t *testing.T) {
	const doubt = "the server may still read the request that was stopped; what comes next waits for that"
	rows := []struct {
		name   string
		left   []model.Departure
		gone   bool
		busy   bool
		doubt  string
		silent bool // it says nothing to the second process
	}{
		{name: "nothing was left", gone: true},
		{name: "it had begun to answer", left: []model.Departure{{Reading: true, Unread: time.Hour}, {Writing: true}}, gone: true},
		{name: "the reading is foreseen", left: []model.Departure{{Reading: true, Unread: time.Hour}}, busy: true},
		{name: "nobody knows", left: []model.Departure{{Reading: true, Unsure: true}}, gone: true, doubt: doubt},
		{name: "some of it is foreseen", left: []model.Departure{{Reading: true, Unread: time.Hour}, {Reading: true, Unsure: true}}, busy: true, doubt: doubt},
		{name: "nothing as long was measured", left: []model.Departure{{Reading: true, Unread: time.Hour, Unsure: true}}, busy: true, doubt: doubt},
		{name: "the reading is foreseen, and it is silent", left: []model.Departure{{Reading: true, Unread: time.Hour}}, busy: true, silent: true},
		{name: "nobody knows, and it is silent", left: []model.Departure{{Reading: true, Unsure: true}}, gone: true, doubt: doubt, silent: true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			server := httptest.NewServer(load(t, "lmstudio.txt"))
			defer server.Close()
			c := client(t, server.URL)
			at := c.Endpoint()
			first, second := probe.NewDescriber(probe.OpenCache(""), time.Hour), probe.NewDescriber(probe.OpenCache(""), time.Hour)
			if _, err := first.Host(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			for _, how := range row.left {
				first.Left(model.Target{Endpoint: at}, &model.Request{Model: "m"}, how)
			}
			if !row.silent {
				if _, err := second.Host(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
			for _, when := range []string{"before it looked", "after"} {
				second.Recall(at, first.Remainder(at))
				if gone := second.Gone(t.Context(), at, 0); gone != row.gone {
					t.Errorf("%s: gone %v, want %v", when, gone, row.gone)
				}
				if what, eta := second.Busy(at); (what != "") != row.busy || row.busy && (eta <= 59*time.Minute || eta > time.Hour) {
					t.Errorf("%s: told %q, %s", when, what, eta)
				}
				if told := second.Doubt(at); told != row.doubt {
					t.Errorf("%s: told %q, want %q", when, told, row.doubt)
				}
				if late := second.Late(at); late == "" { // the next one's file said that something was left
					t.Errorf("%s: nothing is told if it is late", when)
				}
				_ = first.Gone(t.Context(), at, 0) // its own doubt is untold yet, and so is still known
			}
		})
	}
}

// Who was killed knew nothing of the server that it could write down: one that drops a
// prompt leaves no doubt.
func TestWhatAKilledProcessLeft(t *testing.T) {
	for scene, doubts := range map[string]bool{"llamacpp.txt": false, "vllm.txt": false, "lmstudio.txt": true, "ollama.txt": true} {
		t.Run(scene, func(t *testing.T) {
			server := overlaid(t, scene, "/slots", `{"error":{"code":501}}`)
			c := client(t, server.URL)
			at := c.Endpoint()
			d := probe.NewDescriber(probe.OpenCache(""), time.Hour)
			if _, err := d.Host(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			d.Recall(at, model.Remainder{Unsure: true})
			if !d.Gone(t.Context(), at, 0) {
				t.Error("it is waited for")
			}
			if doubt := d.Doubt(at); (doubt != "") != doubts || d.Remainder(at).Unsure {
				t.Errorf("told %q, and left %+v", doubt, d.Remainder(at))
			}
			if late := d.Late(at); (late != "") != doubts {
				t.Errorf("if it is late, told %q", late)
			}
		})
	}
}

// A server that has ended works on nothing; one that says nothing may.
func TestGoneWithItsServer(t *testing.T) {
	refuses := func(context.Context) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	sleeps := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for _, scene := range []string{"llamacpp.txt", "vllm.txt", "sglang.txt", "ollama.txt"} {
		for _, row := range []struct {
			name string
			dial func(context.Context) error
			gone bool
		}{{"nobody listens", refuses, true}, {"it is asleep", sleeps, false}} {
			t.Run(scene+": "+row.name, func(t *testing.T) {
				server := httptest.NewServer(load(t, scene))
				var ended atomic.Bool
				at, err := model.ParseEndpoint(server.URL)
				if err != nil {
					t.Fatal(err)
				}
				guard, err := netguard.New(netguard.Config{Origin: at.BaseURL, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					if ended.Load() {
						return nil, row.dial(ctx)
					}
					var d net.Dialer
					return d.DialContext(ctx, network, address)
				}})
				if err != nil {
					t.Fatal(err)
				}
				c := model.NewClient(model.ClientConfig{Endpoint: at, Guard: guard})
				d := probe.NewDescriber(probe.OpenCache(""), time.Hour)
				if _, err := d.Host(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				d.Left(model.Target{Endpoint: at, Protocol: "ollama"}, &model.Request{Model: "tiny-plain"}, model.Departure{Writing: true})
				ended.Store(true)
				server.Close()
				c.CloseIdle()
				ctx := t.Context()
				if !row.gone { // what never answers need not be waited for long
					var stop context.CancelFunc
					ctx, stop = context.WithTimeout(ctx, 20*time.Millisecond)
					defer stop()
				}
				if got := d.Gone(ctx, at, 0); got != row.gone {
					t.Errorf("gone: %v, want %v", got, row.gone)
				}
			})
		}
	}
}

func TestPreload(t *testing.T) {
	rows := []struct {
		name, scene, model string
		window             int
		want               string // the load that was asked for
		status             int
	}{
		{"a model that is not loaded", "lmstudio.txt", "google/gemma-3-12b", 16384, `{"model":"google/gemma-3-12b","context_length":16384}`, 200},
		{"never more than it was trained for", "lmstudio.txt", "google/gemma-3-12b", 500000, `{"model":"google/gemma-3-12b","context_length":131072}`, 200},
		{"nobody says how much", "lmstudio.txt", "google/gemma-3-12b", 0, `{"model":"google/gemma-3-12b"}`, 200},
		{"it does not fit", "lmstudio.txt", "google/gemma-3-12b", 0, `{"model":"google/gemma-3-12b"}`, 500},
		{"one that is loaded", "lmstudio.txt", "qwen/qwen3-30b-a3b", 16384, "", 200},
		{"one that is not there", "lmstudio.txt", "other", 16384, "", 200},
		{"another server", "ollama.txt", "tiny-plain", 16384, "", 200},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := load(t, row.scene)
			var got atomic.Value
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/api/v1/models/load" {
					s.ServeHTTP(w, r)
					return
				}
				b, _ := io.ReadAll(r.Body)
				got.Store(string(b))
				w.WriteHeader(row.status)
				_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"message": "Model loading was stopped due to insufficient system resources."}})
			}))
			defer server.Close()
			var said []string
			d := probe.NewDescriber(probe.OpenCache(""), time.Hour)
			tg := model.Target{Endpoint: client(t, server.URL+"/v1").Endpoint()}
			req := &model.Request{Model: row.model, Capabilities: model.Capabilities{Window: row.window}}
			if err := d.Prepare(t.Context(), tg, req, nil); err != nil || got.Load() != nil {
				t.Errorf("prepared a server that nobody asked who it is: %v", err)
			}
			err := d.Preload(t.Context(), client(t, server.URL+"/v1"), row.model, row.window, func(w hearth.Wait) { said = append(said, string(w.Phase)) })
			asked, _ := got.Load().(string)
			if asked != row.want {
				t.Errorf("asked to load %s, want %s", asked, row.want)
			}
			if (err != nil) != (row.status != 200) || err != nil && !strings.Contains(err.Error(), "insufficient system resources") {
				t.Errorf("got %v", err)
			}
			if (len(said) > 0) != (row.want != "") {
				t.Errorf("said %q", said)
			}
		})
	}
}

// TestAModelIsLoadedOnce however many wait for it: a second load would make a second
// instance of it.
func TestAModelIsLoadedOnce(t *testing.T) {
	fresh := load(t, "lmstudio.txt")
	var loads, loaded atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/api/v1/models/load":
			loads.Add(1)
			loaded.Store(1)
			_, _ = io.WriteString(w, `{"status":"loaded"}`)
		case r.URL.Path == "/api/v1/models" && loaded.Load() > 0:
			_, _ = io.WriteString(w, `{"models":[{"type":"llm","key":"google/gemma-3-12b","loaded_instances":[{"id":"google/gemma-3-12b","config":{"context_length":16384}}],"max_context_length":131072}]}`)
		default:
			fresh.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	var one sync.Mutex // stands for the lock that processes share
	var ready, all sync.WaitGroup
	ready.Add(4)
	for range 4 { // each is a process: it remembers by itself
		all.Go(func() {
			c := client(t, server.URL+"/v1")
			d := probe.NewDescriber(probe.OpenCache(""), time.Hour)
			d.Lock = func(context.Context, string) (func(), error) {
				one.Lock()
				return one.Unlock, nil
			}
			_, err := d.Host(t.Context(), c)
			ready.Done()
			ready.Wait() // all of them were told that it is not loaded
			if err := errors.Join(err, d.Preload(t.Context(), c, "google/gemma-3-12b", 16384, nil)); err != nil {
				t.Error(err)
			}
			if h, err := d.Host(t.Context(), c); err != nil || len(h.Models) != 1 || !*h.Models[0].Resident {
				t.Errorf("what is remembered of the server is old: %+v, %v", h.Models, err)
			}
		})
	}
	all.Wait()
	if n := loads.Load(); n != 1 {
		t.Errorf("it was loaded %d times", n)
	}
}

func TestPrepareIsBestEffort(t *testing.T) {
	s := load(t, "lmstudio.txt")
	loads := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/models/load" {
			loads++
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		s.ServeHTTP(w, r)
	}))
	defer server.Close()
	c := client(t, server.URL+"/v1")
	d := probe.NewDescriber(probe.OpenCache(""), time.Hour)
	if _, err := d.Host(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	req := &model.Request{Model: "google/gemma-3-12b", Capabilities: model.Capabilities{Window: 16384}}
	if err := d.Prepare(t.Context(), model.Target{Endpoint: c.Endpoint()}, req, nil); err != nil || loads != 1 {
		t.Errorf("%d loads, %v; a load that fails leaves the request to be tried", loads, err)
	}
}
