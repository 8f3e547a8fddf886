package probe_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"hearth/model"
	"hearth/model/probe"
)

// TestGoneAmongTheRequestsOfOthers: what a server does for other clients is not waited for.
func TestGoneAmongTheRequestsOfOthers(t *testing.T) {
	vllm := func(running, aborted string) string {
		return "vllm:num_requests_running{engine=\"0\",model_name=\"m\"} " + running + "\nvllm:request_success_total{finished_reason=\"stop\"} 70.0\nvllm:request_success_total{finished_reason=\"abort\"} " + aborted + "\n"
	}
	sglang := func(running, aborted string) string {
		return "sglang:num_running_reqs{model_name=\"m\"} " + running + "\nsglang:num_aborted_requests_total{model_name=\"m\"} " + aborted + "\n"
	}
	slot := func(task string) string { return `[{"id":0,"id_task":` + task + `,"is_processing":true}]` }
	rows := []struct {
		name, scene, path string
		before            string   // our request; "" = nobody looked
		then              []string // after it was closed
		gone              []bool
	}{
		{"vLLM does no more than before", "vllm.txt", "/metrics", vllm("2.0", "5.0"), []string{vllm("2.0", "5.0")}, []bool{true}},
		{"it does one more until it notices", "vllm.txt", "/metrics", vllm("2.0", "5.0"), []string{vllm("3.0", "5.0"), vllm("3.0", "5.0"), vllm("2.0", "5.0")}, []bool{false, false, true}},
		{"others came meanwhile, and ours was given up", "vllm.txt", "/metrics", vllm("0.0", "5.0"), []string{vllm("4.0", "5.0"), vllm("4.0", "6.0")}, []bool{false, true}},
		{"others came meanwhile, and one request ended", "vllm.txt", "/metrics", vllm("0.0", "5.0"), []string{vllm("4.0", "5.0"), vllm("3.0", "5.0")}, []bool{false, true}},
		{"nobody looked before", "vllm.txt", "/metrics", "", []string{vllm("2.0", "0.0"), vllm("2.0", "0.0"), vllm("1.0", "0.0")}, []bool{false, false, true}},
		{"it could not be read before", "vllm.txt", "/metrics", "broken", []string{vllm("2.0", "0.0"), vllm("0.0", "0.0")}, []bool{false, true}},
		{"only ours is there", "vllm.txt", "/metrics", vllm("0.0", "0.0"), []string{vllm("1.0", "0.0"), vllm("1.0", "0.0"), vllm("0.0", "0.0")}, []bool{false, false, true}},
		{"SGLang does no more than before", "sglang.txt", "/metrics", sglang("1", "0"), []string{sglang("2", "0"), sglang("2", "1")}, []bool{false, true}},
		{"the slot goes on with another client's", "llamacpp-captured.txt", "/slots", "", []string{slot("7"), slot("7"), slot("8")}, []bool{false, false, true}},
		{"the slot works on a task without a number", "llamacpp-captured.txt", "/slots", "", []string{slot("-1"), slot("-1")}, []bool{false, false}},
		{"an older llama-server does not number its tasks", "llamacpp-captured.txt", "/slots", "", []string{slot("0"), slot("0")}, []bool{false, false}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var now atomic.Value
			now.Store(row.before)
			s := load(t, row.scene)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == row.path {
					_, _ = io.WriteString(w, now.Load().(string))
					return
				}
				s.ServeHTTP(w, r)
			}))
			t.Cleanup(server.Close)
			c := client(t, server.URL)
			d := probe.NewDescriber(probe.OpenCache(""), time.Hour)
			d.Census(t.Context(), c.Endpoint()) // of a server that nobody knows
			if _, err := d.Host(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time nothing is left of the first
				now.Store(row.before)
				if row.before != "" {
					d.Census(t.Context(), c.Endpoint())
				}
				d.Left(model.Target{Endpoint: c.Endpoint()}, &model.Request{Model: "m"}, model.Departure{})
				for i, then := range row.then {
					now.Store(then)
					if got := d.Gone(t.Context(), c.Endpoint(), -1); got != row.gone[i] {
						t.Errorf("look %d: gone %v, want %v", i, got, row.gone[i])
					}
				}
			}
		})
	}
}

// slowLoader is an LM Studio that goes on loading when its client leaves.
type slowLoader struct {
	*httptest.Server
	asked   chan struct{} // a load begins
	loads   atomic.Int32
	looked  atomic.Int32 // since the load was asked for
	loadsIn int32        // looks; 0 = never
}

func newSlowLoader(t *testing.T, loadsIn int32) *slowLoader {
	s := &slowLoader{asked: make(chan struct{}, 1), loadsIn: loadsIn}
	fresh := load(t, "lmstudio.txt")
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/api/v1/models/load" && s.loads.Add(1) == 1:
			_, _ = io.Copy(io.Discard, r.Body)
			s.asked <- struct{}{}
			<-r.Context().Done()
		case r.URL.Path == "/api/v1/models/load":
			_, _ = io.WriteString(w, `{"status":"loaded"}`)
		case r.URL.Path == "/api/v1/models" && s.loads.Load() > 0 && s.loadsIn > 0 && s.looked.Add(1) > s.loadsIn:
			_, _ = io.WriteString(w, `{"models":[{"type":"llm","key":"google/gemma-3-12b","loaded_instances":[{"id":"google/gemma-3-12b","config":{"context_length":16384}}]}]}`)
		default:
			fresh.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// stopped has a process ask for the model and stop while it is loaded.
func (s *slowLoader) stopped(t *testing.T, d *probe.Describer) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { <-s.asked; cancel() }()
	if err := d.Preload(ctx, client(t, s.URL+"/v1"), "google/gemma-3-12b", 16384, nil); err == nil {
		t.Fatal("the load was not stopped")
	}
}

// TestALoadThatWasStoppedIsWaitedFor, by the next request of any process: it may go on, and a
// second one would put the model into memory twice.
func TestALoadThatWasStoppedIsWaitedFor(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		s := newSlowLoader(t, 3)
		path := filepath.Join(t.TempDir(), "capabilities.json")
		d := probe.NewDescriber(probe.OpenCache(path), time.Hour)
		s.stopped(t, d)
		if elsewhere {
			d = probe.NewDescriber(probe.OpenCache(path), time.Hour)
		}
		if err := d.Preload(t.Context(), client(t, s.URL+"/v1"), "google/gemma-3-12b", 16384, nil); err != nil || s.loads.Load() != 1 {
			t.Errorf("in another process %v: loaded %d times, %v", elsewhere, s.loads.Load(), err)
		}
	}
}

// TestTheWaitForAStoppedLoadCanBeStopped too, without another load.
func TestTheWaitForAStoppedLoadCanBeStopped(t *testing.T) {
	s := newSlowLoader(t, 0)
	d := probe.NewDescriber(probe.OpenCache(""), time.Hour)
	s.stopped(t, d)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := d.Preload(ctx, client(t, s.URL+"/v1"), "google/gemma-3-12b", 16384, nil); s.loads.Load() != 1 || err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("loaded %d times, %v", s.loads.Load(), err)
	}
}

// TestAStoppedLoadIsNotWaitedForForEver: the server may have given it up.
func TestAStoppedLoadIsNotWaitedForForEver(t *testing.T) {
	s := newSlowLoader(t, 0)
	path := filepath.Join(t.TempDir(), "capabilities.json")
	s.stopped(t, probe.NewDescriber(probe.OpenCache(path), time.Hour))
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	began := regexp.MustCompile(`("loading": *)"[^"]+"`)
	if !began.Match(kept) || !json.Valid(kept) {
		t.Fatalf("the load is not kept: %s", kept)
	}
	old := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	if err := os.WriteFile(path, began.ReplaceAll(kept, []byte(`${1}"`+old+`"`)), 0o600); err != nil {
		t.Fatal(err)
	}
	d := probe.NewDescriber(probe.OpenCache(path), time.Hour)
	if err := d.Preload(t.Context(), client(t, s.URL+"/v1"), "google/gemma-3-12b", 16384, nil); err != nil || s.loads.Load() != 2 {
		t.Errorf("loaded %d times, %v", s.loads.Load(), err)
	}
	if kept, err = os.ReadFile(path); err != nil || began.Match(kept) {
		t.Errorf("a load that ended is kept: %s, %v", kept, err)
	}
}
