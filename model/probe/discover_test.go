package probe_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"hearth/model/probe"
)

func TestDiscover(t *testing.T) {
	var bases []string
	for _, name := range []string{"website.txt", "litellm.txt", "ollama.txt", "llamacpp-loading.txt"} {
		server := httptest.NewServer(load(t, name))
		defer server.Close()
		bases = append(bases, server.URL)
	}
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	bases = append(bases, silent.URL, gone.URL)

	// A silent server holds the others up no longer than this; they answer well within it.
	hosts := probe.Discover(t.Context(), probe.Search{Bases: bases, Timeout: 3 * time.Second})
	var kinds []probe.Kind
	for _, h := range hosts {
		kinds = append(kinds, h.Kind)
		if h.Mute != (h.Root == silent.URL) {
			t.Errorf("%s is mute: %v", h.Root, h.Mute)
		}
	}
	if want := []probe.Kind{probe.KindLiteLLM, probe.KindOllama, probe.KindLlamaCpp, probe.KindUnknown}; !slices.Equal(kinds, want) {
		t.Errorf("found %v, want %v", kinds, want)
	}
	h, m, ok := probe.Choose(hosts, 0)
	if !ok || h.Kind != probe.KindOllama || m.ID != "tiny:latest" {
		t.Errorf("chose %s of %s", m.ID, h.Kind)
	}
	if _, _, ok := probe.Choose(hosts[:1], 0); ok {
		t.Error("LiteLLM was chosen by itself")
	}
}

func TestOnlyThisMachineIsLookedAt(t *testing.T) {
	if hosts := probe.Discover(t.Context(), probe.Search{Bases: []string{"http://10.1.2.3:1234", "http://192.0.2.1:80", "nonsense"}}); len(hosts) != 0 {
		t.Errorf("found %v", hosts)
	}
}

func TestRank(t *testing.T) {
	yes, no := true, false
	at := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	const gb = 1 << 30
	rows := []struct {
		name   string
		models []probe.Model
		memory int64
		want   []string
	}{
		{"loaded now before everything", []probe.Model{{ID: "big", ParamsB: 70, Tools: &yes}, {ID: "small", ParamsB: 1, Tools: &no, Resident: &yes}}, 0, []string{"small", "big"}},
		{"then with tools", []probe.Model{{ID: "big", ParamsB: 70, Tools: &no}, {ID: "small", ParamsB: 4, Tools: &yes}}, 0, []string{"small", "big"}},
		{"then the largest", []probe.Model{{ID: "a", ParamsB: 4}, {ID: "b", ParamsB: 30}}, 0, []string{"b", "a"}},
		{"that fits", []probe.Model{{ID: "a", ParamsB: 4, SizeBytes: 3 * gb}, {ID: "b", ParamsB: 30, SizeBytes: 18 * gb}, {ID: "c", ParamsB: 70, SizeBytes: 40 * gb}}, 16 * gb, []string{"a", "b", "c"}},
		{"then the newest", []probe.Model{{ID: "a", ParamsB: 8, Modified: at(1)}, {ID: "b", ParamsB: 8, Modified: at(2)}}, 0, []string{"b", "a"}},
		{"one that an agent does not fit into comes last", []probe.Model{{ID: "cramped", Window: 2048, Resident: &yes, Tools: &yes}, {ID: "old", TrainedMax: 2048, Resident: &yes}, {ID: "a"}}, 0, []string{"a", "cramped", "old"}},
		{"the same order every time", []probe.Model{{ID: "b"}, {ID: "a"}}, 0, []string{"a", "b"}},
		{"never an embedding model or one in a cloud", []probe.Model{{ID: "e", Embedding: true, Resident: &yes}, {ID: "c", Cloud: true, Resident: &yes}, {ID: "a"}}, 0, []string{"a"}},
	}
	for _, row := range rows {
		var got []string
		for _, m := range probe.Rank(row.models, row.memory) {
			got = append(got, m.ID)
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

// What fits into this machine's memory says nothing of a server elsewhere.
func TestTheMemoryOfThisMachineBindsItsOwnServers(t *testing.T) {
	models := []probe.Model{{ID: "small", SizeBytes: 2 << 30}, {ID: "middle", SizeBytes: 6 << 30}, {ID: "large", SizeBytes: 40 << 30}}
	for root, want := range map[string]string{
		"http://127.0.0.1:11434": "middle", "http://localhost:11434": "middle", "http://[::1]:11434": "middle",
		"http://192.168.1.20:11434": "large", "http://box.local:11434": "large", "": "large",
	} {
		h := probe.Host{Kind: probe.KindOllama, Root: root, Models: models}
		if _, m, ok := probe.Choose([]probe.Host{h}, 8<<30); !ok || m.ID != want {
			t.Errorf("at %q %s is chosen, want %s", root, m.ID, want)
		}
		if ranked := h.Rank(8 << 30); len(ranked) != 3 || ranked[0].ID != want {
			t.Errorf("at %q %+v, want %s first", root, ranked, want)
		}
	}
}

func TestAServerWithALoadedModelComesFirst(t *testing.T) {
	yes := true
	hosts := []probe.Host{
		{Kind: probe.KindLMStudio, Models: []probe.Model{{ID: "a"}}},
		{Kind: probe.KindOllama, Models: []probe.Model{{ID: "b", Resident: &yes}}},
	}
	if h, m, ok := probe.Choose(hosts, 0); !ok || h.Kind != probe.KindOllama || m.ID != "b" {
		t.Errorf("chose %s of %s", m.ID, h.Kind)
	}
	if _, _, ok := probe.Choose(nil, 0); ok {
		t.Error("chose something where nothing is")
	}
}

func TestWhatAConfigCallsAKind(t *testing.T) {
	rows := []struct {
		kind                     probe.Kind
		name, provider, api, url string
	}{
		{probe.KindLMStudio, "LM Studio", "lmstudio", "openai-responses", "http://x/v1"},
		{probe.KindOllama, "Ollama", "ollama", "ollama", "http://x"},
		{probe.KindLlamaCpp, "llama.cpp", "llamacpp", "openai-completions", "http://x/v1"},
		{probe.KindUnknown, "a model server", "local", "openai-completions", "http://x/v1"},
	}
	for _, row := range rows {
		k := row.kind
		if k.Name() != row.name || k.ProviderID() != row.provider || k.API() != row.api || k.BaseURL("http://x") != row.url {
			t.Errorf("%s: %s %s %s %s", k, k.Name(), k.ProviderID(), k.API(), k.BaseURL("http://x"))
		}
	}
}

// at gives the port of a server, which answers as file says, or takes connections and
// says nothing.
func at(t *testing.T, address, file string) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("there is no %s here: %v", address, err)
	}
	answer := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: answer}}
	if file != "" {
		server.Config.Handler = load(t, file)
	}
	server.Start()
	t.Cleanup(server.Close)
	_, port, _ = net.SplitHostPort(l.Addr().String()) // it is the system's
	return port
}

// What "localhost" means to a server may be ::1 alone.
func TestBothAddressesOfThisMachineAreLookedAt(t *testing.T) {
	for name, row := range map[string]struct {
		here func(t *testing.T) (port string)
		want string // the host that is found
		mute bool
	}{
		"only ::1":                     {func(t *testing.T) string { return at(t, "[::1]:0", "ollama.txt") }, "[::1]", false},
		"only 127.0.0.1":               {func(t *testing.T) string { return at(t, "127.0.0.1:0", "ollama.txt") }, "127.0.0.1", false},
		"both: it is one server":       {func(t *testing.T) string { return at(t, "[::]:0", "ollama.txt") }, "127.0.0.1", false},
		"nothing is said at 127.0.0.1": {func(t *testing.T) string { return at(t, "[::1]:"+at(t, "127.0.0.1:0", ""), "ollama.txt") }, "[::1]", false},
		"nothing is said at either":    {func(t *testing.T) string { return at(t, "[::1]:"+at(t, "127.0.0.1:0", ""), "") }, "127.0.0.1", true},
		"nothing is said at ::1":       {func(t *testing.T) string { return at(t, "[::1]:0", "") }, "[::1]", true},
		"a web page at 127.0.0.1":      {func(t *testing.T) string { return at(t, "[::1]:"+at(t, "127.0.0.1:0", "website.txt"), "ollama.txt") }, "[::1]", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := row.here(t)
			hosts := probe.Discover(t.Context(), probe.Search{Ports: []string{port}, Timeout: 3 * time.Second})
			if len(hosts) != 1 || hosts[0].Root != "http://"+row.want+":"+port || hosts[0].Mute != row.mute {
				t.Fatalf("found %+v, want one at %s:%s", hosts, row.want, port)
			}
			if _, _, ok := probe.Choose(hosts, 0); ok == row.mute {
				t.Errorf("a model was chosen: %v", ok)
			}
		})
	}
}
