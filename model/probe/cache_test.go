package probe_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hearth"
	"hearth/internal/netguard"
	"hearth/model"
	"hearth/model/probe"
)

func layer(build string, window int) model.Layer {
	yes := true
	return model.Layer{Build: &build, Window: &window, Resident: &yes, Evidence: map[string]string{"window": "GET /props"}}
}

const here = "http://127.0.0.1:8080"

func TestWhatIsLearnedIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache", "capabilities.json")
	c := probe.OpenCache(path)
	if server, probed := c.Layers(here, "qwen3"); server.Window != nil || probed.Window != nil || c.Warning() != nil {
		t.Error("an empty cache knows something")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Described(here, "qwen3", layer("b1", 8192)))
	must(c.Learn(here, "qwen3", &model.Refusal{Lesson: model.LessonStringContent, Words: "expected a string"}))
	must(c.Learn(here, "qwen3", &model.Refusal{Lesson: model.LessonDropField, Detail: "seed", Words: "unknown field seed"}))
	vision := true
	must(c.Probed(here, "qwen3", model.Layer{Vision: &vision}))
	must(c.Described(here, "llama3", layer("b1", 4096)))

	again := probe.OpenCache(path) // another process
	server, probed := again.Layers(here, "qwen3")
	if server.Window == nil || *server.Window != 8192 || server.StringContent == nil || !slices.Equal(server.RefusedFields, []string{"seed"}) {
		t.Errorf("kept %+v", server)
	}
	if server.Resident != nil {
		t.Error("what is loaded now was kept for later")
	}
	if server.Evidence["string-content"] != "the server said: expected a string" || server.Evidence["window"] != "GET /props" {
		t.Errorf("evidence %v", server.Evidence)
	}
	if probed.Vision == nil {
		t.Error("the probe's finding is gone")
	}

	must(again.Described(here, "qwen3", layer("b2", 16384))) // the server was upgraded
	server, probed = again.Layers(here, "qwen3")
	if *server.Window != 16384 || server.StringContent != nil || probed.Vision != nil {
		t.Error("a lesson outlived the build that taught it")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	// Two processes: what the other one wrote since is not lost.
	must(c.Learn(here, "llama3", &model.Refusal{Lesson: model.LessonOneSystem}))
	must(again.Learn(here, "gemma", &model.Refusal{Lesson: model.LessonOneSystem}))
	if server, _ := probe.OpenCache(path).Layers(here, "llama3"); server.OneSystem == nil {
		t.Error("the other process's lesson is gone")
	}
}

func TestAWindowLearnedFromARefusal(t *testing.T) {
	c := probe.OpenCache("")
	if err := c.LearnWindow(here, "qwen3", 4096); err != nil {
		t.Fatal(err)
	}
	if l, _ := c.Layers(here, "qwen3"); l.Window == nil || *l.Window != 4096 || l.Evidence["window"] != "the server refused a longer request" {
		t.Errorf("kept %+v", l)
	}
	if err := c.Described(here, "qwen3", model.Layer{Window: new(8192), Evidence: map[string]string{"window": "GET /props"}}); err != nil {
		t.Fatal(err)
	}
	if l, _ := c.Layers(here, "qwen3"); *l.Window != 8192 || l.Evidence["window"] != "GET /props" {
		t.Errorf("an old refusal wins over what the server says: %+v", l)
	}
}

// A server that never says its window may have been started anew with more.
func TestARefusalIsBelievedForAnHourAndUntilAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := probe.OpenCache("")
		learn := func() {
			t.Helper()
			if err := c.LearnWindow(here, "qwen3", 3000); err != nil {
				t.Fatal(err)
			}
		}
		believed := func() bool {
			l, _ := c.Layers(here, "qwen3")
			if c := (model.Layers{Server: l, Config: model.Layer{Window: new(32_768)}}).Merge(); c.WindowRefused != (c.Window == 3000) {
				t.Errorf("window %d, refused %t", c.Window, c.WindowRefused)
			}
			return l.Window != nil
		}
		learn()
		time.Sleep(50 * time.Minute)
		if !believed() {
			t.Error("not believed after 50 minutes")
		}
		learn()
		time.Sleep(50 * time.Minute)
		if !believed() {
			t.Error("not believed although it was said again")
		}
		time.Sleep(20 * time.Minute)
		if believed() {
			t.Error("believed for more than an hour")
		}
		learn()
		if err := c.Probed(here, "qwen3", model.Layer{}); err != nil || believed() {
			t.Errorf("believed after a probe (%v)", err)
		}
	})
}

// A clock that was years ahead and was set right: the bubble's clock is that of the year 2000.
// What a server says now counts all the same, and a refusal is believed no longer than ever.
func TestAClockThatWasSetBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "capabilities.json")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	of := func(build string, kind probe.Kind, window int) model.Layer {
		l := layer(build, window)
		l.Server = new(string(kind))
		return l
	}
	ahead := probe.OpenCache(path)
	must(ahead.Described(here, "gpt", of("p1", probe.KindLiteLLM, 4096)))
	must(ahead.Described(here, "qwen3", of("b1", probe.KindVLLM, 4096)))
	must(ahead.LearnWindow(here, "gemma", 3000))
	synctest.Test(t, func(t *testing.T) {
		c := probe.OpenCache(path)
		if l, _ := c.Layers(here, "gemma"); l.Window != nil {
			t.Errorf("the refusal of a day to come is believed: %d tokens", *l.Window)
		}
		for _, said := range []struct {
			build  string
			window int
		}{{"b2", 65536}, {"b1", 4096}, {"b2", 65536}} { // an upgrade, and to and fro
			must(c.Described(here, "qwen3", of(said.build, probe.KindVLLM, said.window)))
			if l, _ := c.Layers(here, "qwen3"); *l.Build != said.build || *l.Window != said.window {
				t.Errorf("build %s is in force with %d tokens, the server says %s with %d", *l.Build, *l.Window, said.build, said.window)
			}
		}
		l := probe.NewDescriber(c, time.Hour).Remembered(here, "unknown", "openai-completions")
		if l.Catalog.Locality != nil {
			t.Errorf("the server is still taken for the proxy that it was: %s", *l.Catalog.Locality)
		}
	})
}

// One long list, of a proxy perhaps, takes the place of nothing that was learned of others.
func TestALongListPushesNothingOutThatWasLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := probe.OpenCache("")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		const proxy, models = "http://127.0.0.1:4000", 420
		must(c.Described(here, "plain", layer("b1", 8192)))
		must(c.Learn(here, "taught", &model.Refusal{Lesson: model.LessonStringContent, Words: "expected a string"}))
		must(c.Probed(here, "probed", model.Layer{Vision: new(true)}))
		must(c.ReadingMeasured(here, "measured", 0, 1000, 10*time.Second))
		must(c.TokensCounted(here, "counted", 0.25, 1))
		must(c.Began(here, "begun", true))
		for i := range models {
			time.Sleep(time.Second)
			must(c.Described(proxy, fmt.Sprint("model-", i), layer("p1", 4096)))
		}
		server := func(endpoint, id string) model.Layer { l, _ := c.Layers(endpoint, id); return l }
		_, probed := c.Layers(here, "probed")
		ascii, _ := c.TokenRatio(here, "counted")
		_, most := c.ReadingTime(here, "measured", 0, 1000)
		if _, begun := c.Begins(here, "begun"); server(here, "plain").Window == nil || server(here, "taught").StringContent == nil ||
			probed.Vision == nil || most == 0 || ascii == 0 || !begun {
			t.Error("something that was known of another server is gone")
		}
		if server(proxy, "model-0").Window != nil || server(proxy, fmt.Sprint("model-", models-1)).Window == nil {
			t.Error("of the list, the newest are not what is kept")
		}
		for i := range models { // lessons of each are bounded, too
			time.Sleep(time.Second)
			must(c.Learn(proxy, fmt.Sprint("model-", i), &model.Refusal{Lesson: model.LessonOneSystem}))
		}
		if server(proxy, fmt.Sprint("model-", models-1)).OneSystem == nil || server(proxy, "model-0").OneSystem != nil {
			t.Error("of the lessons, the newest are not what is kept")
		}
		if server(here, "taught").StringContent == nil {
			t.Error("a server with few lessons lost one to a server with many")
		}
	})
}

func TestNothingNewIsNotWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "capabilities.json")
	c := probe.OpenCache(path)
	if err := c.Described(here, "qwen3", layer("b1", 8192)); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := probe.OpenCache(path).Described(here, "qwen3", layer("b1", 8192)); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Error("the file was written again")
	}
}

func TestABrokenCacheIsIgnored(t *testing.T) {
	for name, content := range map[string]string{
		"cut short": `{"version":1,"entries":[{"endpoint":`, "empty": "", "of a later Hearth": `{"version":2,"entries":{}}`, "not ours": "hello",
	} {
		path := filepath.Join(t.TempDir(), "capabilities.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		c := probe.OpenCache(path)
		if err := c.Warning(); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: warning %v, want one that names the file", name, err)
		}
		if err := c.Learn(here, "qwen3", &model.Refusal{Lesson: model.LessonOneSystem}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if again := probe.OpenCache(path); again.Warning() != nil {
			t.Errorf("%s: still broken after a write: %v", name, again.Warning())
		}
	}
}

func FuzzCache(f *testing.F) {
	f.Add([]byte(`{"version":1,"entries":[{"endpoint":"http://127.0.0.1:8080","model":"m","at":"2026-01-01T00:00:00Z","server":{"window":1}}]}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(dir, "c.json")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		c := probe.OpenCache(path)
		server, _ := c.Layers(here, "m") // must not panic
		if c.Warning() != nil && server.Window != nil {
			t.Error("something of a broken file was believed")
		}
	})
}

func TestDescribe(t *testing.T) {
	s := load(t, "llamacpp.txt")
	var down atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			panic(http.ErrAbortHandler)
		}
		s.ServeHTTP(w, r)
	}))
	defer server.Close()
	c := client(t, server.URL+"/v1")
	origin := c.Endpoint().Origin
	cache := probe.OpenCache("")
	d := probe.NewDescriber(cache, time.Hour)
	if ids := d.Listed(origin); ids != nil {
		t.Errorf("listed %v before anybody asked", ids)
	}
	l := d.Describe(t.Context(), c, "qwen3-8b", "openai-completions")
	if l.Server.Window == nil || *l.Server.Window != 8192 || l.Server.Resident == nil || !*l.Server.Resident {
		t.Errorf("described %+v", l.Server)
	}
	if ids := d.Listed(origin); !slices.Equal(ids, []string{"qwen3-8b"}) {
		t.Errorf("listed %v", ids)
	}
	asked := len(s.asked)
	d.Describe(t.Context(), c, "qwen3-8b", "openai-completions")
	if len(s.asked) != asked {
		t.Error("asked again within the hour")
	}

	lesson := &model.Refusal{Lesson: model.LessonStringContent, Words: "expected a string"}
	tg := model.Target{Ref: hearth.ModelRef{Provider: "p", Model: "qwen3-8b"}, Endpoint: c.Endpoint()}
	if err := d.Learn(t.Context(), tg, lesson); err != nil {
		t.Fatal(err)
	}
	down.Store(true)
	l = probe.NewDescriber(cache, time.Hour).Describe(t.Context(), c, "qwen3-8b", "openai-completions")
	if l.Server.Window == nil || *l.Server.Window != 8192 || l.Server.StringContent == nil {
		t.Errorf("with the server down: %+v", l.Server)
	}
}

// A list of a server's models is kept at once, of hundreds as of one.
func TestAllModelsOfAServerAreDescribedInOneWrite(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/models" {
			http.NotFound(w, r)
			return
		}
		asked++
		var rows []string
		for i := range 300 {
			rows = append(rows, fmt.Sprintf(`{"id":"m%d","owned_by":"vllm","max_model_len":%d}`, i, 4096+i))
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"object":"list","data":[%s]}`, strings.Join(rows, ","))
	}))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "capabilities.json")
	d, c := probe.NewDescriber(probe.OpenCache(path), time.Hour), client(t, server.URL+"/v1")
	h, err := d.DescribeAll(t.Context(), c)
	if err != nil || len(h.Models) != 300 {
		t.Fatalf("%d models, %v", len(h.Models), err)
	}
	written, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 7, 299} {
		again := probe.NewDescriber(probe.OpenCache(path), time.Hour) // another process
		if l := again.Remembered(c.Endpoint().Origin, fmt.Sprint("m", i), "openai-completions"); l.Server.Window == nil || *l.Server.Window != 4096+i {
			t.Errorf("of m%d is kept %+v", i, l.Server)
		}
		d.Describe(t.Context(), c, fmt.Sprint("m", i), "openai-completions")
	}
	if now, err := os.Stat(path); err != nil || !os.SameFile(now, written) || asked != 1 {
		t.Errorf("what is kept was written again: %v, asked %d times", err, asked)
	}
}

// Somebody who stops waiting in the middle leaves half an answer, which is none: whoever
// comes next asks again.
func TestAnAnswerThatNobodyWaitedForIsNotKept(t *testing.T) {
	s := load(t, "llamacpp.txt")
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/props" && ctx.Err() == nil {
			cancel()
			<-r.Context().Done() // it is the client that leaves
			return
		}
		s.ServeHTTP(w, r)
	}))
	defer server.Close()
	d := probe.NewDescriber(probe.OpenCache(""), time.Hour)
	c := client(t, server.URL+"/v1")
	if l := d.Describe(ctx, c, "qwen3-8b", "openai-completions"); l.Server.Resident != nil {
		t.Errorf("described %+v", l.Server)
	}
	if l := d.Describe(t.Context(), c, "qwen3-8b", "openai-completions"); l.Server.Resident == nil || l.Server.Window == nil || *l.Server.Window != 8192 {
		t.Errorf("and then %+v", l.Server)
	}
}

// A vendor's server is not asked: its answers cost money or nothing, and its catalog is known.
func TestAVendorIsNotAsked(t *testing.T) {
	at := model.Endpoint{BaseURL: "https://api.example.com/v1", Origin: "https://api.example.com:443", Locality: hearth.LocalityHosted}
	guard, err := netguard.New(netguard.Config{Origin: at.BaseURL, Resolve: func(context.Context, string) ([]netip.Addr, error) {
		t.Error("the vendor was about to be asked")
		return nil, errors.New("no network")
	}})
	if err != nil {
		t.Fatal(err)
	}
	c := model.NewClient(model.ClientConfig{Endpoint: at, APIKey: "sk-1", Guard: guard})
	l := probe.NewDescriber(probe.OpenCache(""), 0).Describe(t.Context(), c, "gpt", "openai-completions")
	if l.Server.Server != nil {
		t.Errorf("got %+v", l.Server)
	}
}

// The window that Ollama uses natively is the one we ask for, so the config wins over it.
func TestTheWindowOfAnOllama(t *testing.T) {
	rows := []struct {
		name, scene, model, protocol string
		config                       int
		want                         int
		known                        bool
	}{
		{"natively, ours when another client loaded less", "ollama.txt", "tiny", "ollama", 0, 16384, true},
		{"natively, the model file's", "ollama.txt", "tiny-small", "ollama", 0, 2048, true},
		{"natively, ours when nothing is known", "ollama.txt", "tiny-plain", "ollama", 0, 16384, true},
		{"natively, the config's, also above", "ollama.txt", "tiny-small", "ollama", 30000, 30000, true},
		{"on /v1, what is in force", "ollama.txt", "tiny", "openai-completions", 0, 2048, true},
		{"on /v1, the config only caps it", "ollama.txt", "tiny", "openai-completions", 30000, 2048, true},
	}
	for _, row := range rows {
		server := httptest.NewServer(load(t, row.scene))
		l := probe.NewDescriber(probe.OpenCache(""), 0).Describe(t.Context(), client(t, server.URL), row.model, row.protocol)
		server.Close()
		if row.config > 0 {
			l.Config.Window = &row.config
		}
		l.Default = model.DefaultLayer()
		if c := l.Merge(); c.Window != row.want || c.WindowKnown != row.known {
			t.Errorf("%s: %d (known %v), want %d", row.name, c.Window, c.WindowKnown, row.want)
		}
	}
}

// A machine that is off costs its silence once, not at every step of a turn; a server
// that refuses may be there the next moment, and is asked each time.
func TestSilenceIsRememberedForAWhile(t *testing.T) {
	for _, row := range []struct {
		name  string
		dial  func(ctx context.Context) error
		dials int // of two looks at once after each other
	}{
		{"silent", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 2},
		{"refusing", func(context.Context) error { return syscall.ECONNREFUSED }, 4},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var dials atomic.Int32
				guard, err := netguard.New(netguard.Config{Origin: here, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
					dials.Add(1)
					return nil, row.dial(ctx)
				}})
				if err != nil {
					t.Fatal(err)
				}
				c := model.NewClient(model.ClientConfig{Endpoint: model.Endpoint{BaseURL: here, Origin: here, Locality: hearth.LocalityMachine}, Guard: guard})
				d := probe.NewDescriber(probe.OpenCache(""), 0)
				for range 2 {
					if _, err := d.Host(t.Context(), c); err == nil {
						t.Error("somebody answered")
					}
				}
				if n := int(dials.Load()); n != row.dials {
					t.Errorf("dialled %d times, want %d", n, row.dials)
				}
				time.Sleep(6 * time.Second)
				before := dials.Load()
				if _, err := d.Host(t.Context(), c); err == nil || dials.Load() == before {
					t.Error("after a while it was not asked again")
				}
				time.Sleep(time.Minute) // dials that nobody waits for end with their own clock
			})
		})
	}
}

func TestHowAnswersBegin(t *testing.T) {
	target := func(id, protocol string, locality hearth.Locality, thinking string) model.Target {
		return model.Target{Ref: hearth.ModelRef{Provider: "box", Model: id}, Protocol: protocol,
			Endpoint: model.Endpoint{Origin: "http://127.0.0.1:1", Locality: locality}, Params: model.Params{Thinking: thinking}}
	}
	here, chat := hearth.LocalityMachine, "openai-completions"
	d := probe.NewDescriber(probe.OpenCache(filepath.Join(t.TempDir(), "capabilities.json")), 0)
	for _, c := range []struct {
		what   string
		target model.Target
		want   bool
	}{
		{"its name says so", target("deepseek-r1", chat, here, ""), true},
		{"an ordinary model", target("qwen3", chat, here, ""), false},
		{"the protocol marks reasoning", target("deepseek-r1", "ollama", here, ""), false},
		{"a vendor marks it", target("deepseek-r1", chat, hearth.LocalityHosted, ""), false},
		{"nobody asked for any", target("deepseek-r1", chat, here, "off"), false},
	} {
		if got := d.Begun(c.target).Hold; got != c.want {
			t.Errorf("%s: held %v, want %v", c.what, got, c.want)
		}
	}
	after := func(id string, want bool, seen ...bool) {
		t.Helper()
		at := target(id, chat, here, "")
		for _, s := range seen {
			d.Begun(at).Settled(s)
		}
		if got := d.Begun(at).Hold; got != want {
			t.Errorf("%s after %v: held %v, want %v", id, seen, got, want)
		}
	}
	after("qwen3", false, false)
	after("qwen3", true, true)
	after("qwen3", true, false)  // it skipped its reasoning once
	after("qwen3", false, false) // and again
	after("deepseek-r1", false, false)
	after("deepseek-r1", true, true)
}

func TestHowAModelCountsIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "capabilities.json")
	c := probe.OpenCache(path)
	if ascii, other := c.TokenRatio("http://a:1", "m"); ascii != 0 || other != 0 {
		t.Errorf("%v and %v of a model nobody counted", ascii, other)
	}
	for _, s := range []struct{ counted, kept [2]float64 }{
		{[2]float64{0.25004, 0.5}, [2]float64{0.25, 0.5}},
		{[2]float64{0.255, 0.51}, [2]float64{0.25, 0.5}}, // about the same
		{[2]float64{0.25, 0.6}, [2]float64{0.25, 0.6}},
		{[2]float64{0.3, 0.6}, [2]float64{0.3, 0.6}},
	} {
		if err := c.TokensCounted("http://a:1", "m", s.counted[0], s.counted[1]); err != nil {
			t.Fatal(err)
		}
		ascii, other := probe.OpenCache(path).TokenRatio("http://a:1", "m")
		if got := [2]float64{ascii, other}; got != s.kept {
			t.Errorf("after %v: another process reads %v, want %v", s.counted, got, s.kept)
		}
	}
	if ascii, _ := c.TokenRatio("http://a:1", "other"); ascii != 0 {
		t.Errorf("another model counts %v", ascii)
	}
}

func TestWhatAProbeFoundEnds(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	stringContent := &model.Refusal{Lesson: model.LessonStringContent, Words: "Only 'text' content type is supported."}
	sees := model.Layer{Vision: new(true), TrainedMax: new(131_072), ParamsB: new(7.6)}
	for name, row := range map[string]struct {
		then                  func(*probe.Cache)
		vision, stringContent bool // are in force as probed
	}{
		"by nothing else":                   {func(c *probe.Cache) { must(c.Described(here, "m", sees)) }, true, true},
		"by a refusal, of what was refused": {func(c *probe.Cache) { must(c.Learn(here, "m", stringContent)) }, true, false},
		"by what the server says otherwise now": {func(c *probe.Cache) {
			blind := sees
			blind.Vision = new(false)
			must(c.Described(here, "m", blind))
		}, false, true},
		"by another model under the name": {func(c *probe.Cache) {
			must(c.Described(here, "m", model.Layer{Vision: new(true), TrainedMax: new(4096), ParamsB: new(7.6)}))
		}, false, false},
	} {
		c := probe.OpenCache("")
		must(c.Described(here, "m", sees))
		must(c.Probed(here, "m", model.Layer{Vision: new(true), StringContent: new(false)}))
		row.then(c)
		if _, found := c.Layers(here, "m"); (found.Vision != nil) != row.vision || (found.StringContent != nil) != row.stringContent {
			t.Errorf("%s: left is %+v", name, found)
		}
	}
	c := probe.OpenCache("")
	must(c.Learn(here, "m", stringContent))
	must(c.Probed(here, "m", model.Layer{StringContent: new(false)}))
	if said, found := c.Layers(here, "m"); said.StringContent != nil || found.StringContent == nil {
		t.Errorf("a lesson stays although the server took it when it was probed: %+v", said)
	}
}
