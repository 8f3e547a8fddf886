package probe_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"hearth"
	"hearth/model"
	"hearth/model/probe"
)

// scene is a server as a file of testdata describes it: prose, the replies by question,
// and what should be found.
type scene struct {
	replies map[string]*http.Response
	bodies  map[string]string
	want    string

	mu    sync.Mutex
	asked []string
}

func load(t *testing.T, name string) *scene {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{replies: map[string]*http.Response{}, bodies: map[string]string{}}
	for i, section := range strings.Split("\n"+string(raw), "\n-- ") {
		if i == 0 {
			continue // prose
		}
		name, content, _ := strings.Cut(section, " --\n")
		if name == "want" {
			s.want = content
			continue
		}
		head, body, _ := strings.Cut(content, "\n\n")
		status, headers, _ := strings.Cut(head+"\n", "\n")
		res, err := http.ReadResponse(bufio.NewReader(strings.NewReader("HTTP/1.1 "+strings.TrimPrefix(status, "HTTP ")+" x\r\n"+ //nolint:bodyclose // there is no body
			strings.ReplaceAll(headers, "\n", "\r\n")+"\r\n")), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s.replies[name], s.bodies[name] = res, strings.TrimSuffix(body, "\n")
	}
	return s
}

func (s *scene) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.Method + " " + r.URL.Path
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		key += " " + strings.TrimSuffix(strings.TrimPrefix(string(body), `{"model":"`), `"}`)
	}
	s.mu.Lock()
	s.asked = append(s.asked, key)
	s.mu.Unlock()
	res, ok := s.replies[key]
	if !ok {
		key = "else"
		if res = s.replies[key]; res == nil {
			http.NotFound(w, r)
			return
		}
	}
	maps.Copy(w.Header(), res.Header)
	w.WriteHeader(res.StatusCode)
	_, _ = io.WriteString(w, s.bodies[key])
}

// summary writes a host in the words of the want sections.
func summary(h *probe.Host) string {
	var b strings.Builder
	b.WriteString(string(h.Kind))
	if h.Build != "" {
		b.WriteString(" " + h.Build)
	}
	if h.Slots > 0 {
		fmt.Fprintf(&b, " slots=%d (%s)", h.Slots, h.SlotsBecause)
	}
	for word, on := range map[string]bool{" needs-key": h.NeedsKey, " loading": h.Loading, " no-models": h.NoModels} {
		if on {
			b.WriteString(word)
		}
	}
	b.WriteString("\n")
	for i := range h.Models {
		m := &h.Models[i]
		b.WriteString(m.ID)
		for _, n := range []struct {
			word string
			v    int
		}{{"window", m.Window}, {"trained", m.TrainedMax}, {"max", m.MaxOutput}} {
			if n.v > 0 {
				b.WriteString(" " + n.word + "=" + strconv.Itoa(n.v))
			}
		}
		for _, f := range []struct {
			word string
			v    *bool
		}{{"tools", m.Tools}, {"vision", m.Vision}, {"thinks", m.Reasoning}, {"replays", m.Replay}, {"resident", m.Resident}} {
			if f.v != nil {
				b.WriteString(" " + f.word)
				if !*f.v {
					b.WriteString("=no")
				}
			}
		}
		if m.ParamsB > 0 {
			b.WriteString(" params=" + strconv.FormatFloat(m.ParamsB, 'g', 9, 64))
		}
		if m.Embedding {
			b.WriteString(" embedding")
		}
		if m.Cloud {
			b.WriteString(" cloud")
		}
		if len(m.Aliases) > 0 {
			b.WriteString(" aliases=" + strings.Join(m.Aliases, ","))
		}
		b.WriteString("\n")
		for _, field := range []string{"resident", "window"} {
			if where := m.Evidence(field); where != "" {
				b.WriteString("  " + field + ": " + where + "\n")
			}
		}
	}
	return b.String()
}

func client(t *testing.T, base string) *model.Client {
	t.Helper()
	at, err := model.ParseEndpoint(base)
	if err != nil {
		t.Fatal(err)
	}
	c := model.NewClient(model.ClientConfig{Endpoint: at})
	t.Cleanup(c.CloseIdle)
	return c
}

func TestServersAreToldApart(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d scenes, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			s := load(t, filepath.Base(file))
			server := httptest.NewServer(s)
			defer server.Close()
			h, err := probe.Identify(t.Context(), client(t, server.URL+"/v1/"))
			if err != nil {
				t.Fatal(err)
			}
			if got := summary(&h); got != s.want {
				t.Errorf("found\n%swant\n%s", got, s.want)
			}
			if h.Root != server.URL {
				t.Errorf("root %q", h.Root)
			}
			for _, key := range s.asked {
				if !strings.HasPrefix(key, "GET ") && !((h.Kind == probe.KindOllama || h.Kind == probe.KindLocalAI) && strings.HasPrefix(key, "POST /api/show ")) {
					t.Errorf("asked %s: only GETs are harmless to a stranger", key)
				}
			}
			if n := len(s.asked); n > 20+len(h.Models) {
				t.Errorf("%d questions: %q", n, s.asked)
			}
			sorted := slices.Sorted(slices.Values(s.asked))
			if len(slices.Compact(sorted)) != len(s.asked) {
				t.Errorf("a question was asked twice: %q", s.asked)
			}
		})
	}
}

func TestNobodyIsThere(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	_, err := probe.Identify(t.Context(), client(t, server.URL))
	if hearth.ReasonOf(err) != hearth.ReasonUnreachable {
		t.Errorf("got %v", err)
	}
}

func TestLayers(t *testing.T) {
	rows := []struct {
		scene, model string
		want         string
	}{
		{"llamacpp.txt", "whatever-name", "window=8192 trained=40960 tools=native vision=false slots=2 resident=true server=llama.cpp build=b9131-de3ff81 slotChoice progress cached forced"},
		{"lmstudio.txt", "qwen/qwen3-30b-a3b:2", "window=8192 trained=262144 tools=native vision=false slots=4 resident=true server=lmstudio efforts=[low medium high]"},
		{"lmstudio.txt", "text-embedding-nomic-embed-text-v1.5", "window=2048 trained=2048 slots=4 resident=false server=lmstudio embedding"},
		{"ollama.txt", "tiny", "window=2048 trained=32768 tools=native vision=false resident=true server=ollama build=0.17.4 cached"},
		{"ollama.txt", "tiny-plain", "trained=32768 tools=none vision=false resident=false server=ollama build=0.17.4 cached"},
		{"lmstudio.txt", "google/gemma-3-12b", "trained=131072 tools=none vision=true slots=4 resident=false server=lmstudio"},
		{"ollama.txt", "missing", "server=ollama build=0.17.4 cached"},
		{"ollama-0.33.txt", "gpt-oss:120b-cloud", "tools=native vision=false resident=false server=ollama build=0.33.0 locality=hosted"},
		{"litellm.txt", "house-qwen", "window=32768 tools=native vision=false server=litellm build=1.98.0 locality=hosted"},
		{"vllm.txt", "sql-lora", "window=8192 slots=4 resident=true server=vllm build=0.11.2 cached forced"},
	}
	for _, row := range rows {
		s := load(t, row.scene)
		server := httptest.NewServer(s)
		h, err := probe.Identify(t.Context(), client(t, server.URL))
		server.Close()
		if err != nil {
			t.Fatal(err)
		}
		l := h.Layer(row.model)
		if got := describe(&l); got != row.want {
			t.Errorf("%s of %s:\n%s\nwant\n%s", row.model, row.scene, got, row.want)
		}
		if l.Window != nil && l.Evidence["window"] == "" || l.Slots != nil && l.Evidence["slots"] == "" {
			t.Errorf("%s of %s: no evidence in %v", row.model, row.scene, l.Evidence)
		}
	}
}

func describe(l *model.Layer) string {
	var out []string
	add := func(word string, set bool, v any) {
		if set {
			out = append(out, fmt.Sprint(word, "=", v))
		}
	}
	mark := func(word string, v *bool) {
		if v != nil && *v {
			out = append(out, word)
		}
	}
	add("window", l.Window != nil, value(l.Window))
	add("trained", l.TrainedMax != nil, value(l.TrainedMax))
	if l.Tools != nil {
		add("tools", true, *l.Tools)
	}
	add("vision", l.Vision != nil, value(l.Vision))
	add("slots", l.Slots != nil, value(l.Slots))
	add("resident", l.Resident != nil, value(l.Resident))
	add("server", l.Server != nil, value(l.Server))
	add("build", l.Build != nil, value(l.Build))
	if l.Locality != nil {
		add("locality", true, *l.Locality)
	}
	add("efforts", l.Efforts != nil, l.Efforts)
	mark("slotChoice", l.SlotChoice)
	mark("progress", l.ReturnProgress)
	mark("cached", l.CachedCounted)
	mark("forced", l.ForcedToolChoice)
	mark("embedding", l.Embedding)
	return strings.Join(out, " ")
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
