package prompt_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/model"
	"hearth/prompt"
)

func target(layer model.Layer) model.Target {
	return model.Target{Ref: hearth.ModelRef{Provider: "local", Model: "m"}, Layers: model.Layers{Config: layer, Default: model.DefaultLayer()}}
}

func spec(name string) hearth.ToolSpec {
	return hearth.ToolSpec{Name: name, Schema: json.RawMessage(`{"type":"object"}`)}
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.FixedZone("CET", 3600))

func TestAPlanIsTheSameForTheSameHouseAndSortsItsTools(t *testing.T) {
	house := prompt.House{Dir: "/home/ann/ws", OS: "linux, sh", Files: []prompt.File{{Name: "AGENTS.md", Text: "Be kind.\n"}}}
	a, hashA, err := prompt.NewPlan(target(model.Layer{}), house, []hearth.ToolSpec{spec("write"), spec("read")}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	b, hashB, _ := prompt.NewPlan(target(model.Layer{}), house, []hearth.ToolSpec{spec("read"), spec("write")}).Encode()
	if string(a) != string(b) || hashA != hashB {
		t.Errorf("equal houses give other plans:\n%s\n%s", a, b)
	}
	plan, err := prompt.DecodePlan(a)
	if err != nil || !reflect.DeepEqual(plan.ToolNames(), []string{"read", "write"}) || !strings.Contains(plan.System, "# AGENTS.md\nBe kind.") {
		t.Errorf("got %+v, %v", plan, err)
	}
}

// A plan is stored between two requests of a session, and both must be the same.
func TestAStoredPlanBuildsTheSameRequest(t *testing.T) {
	for name, params := range map[string]model.Params{
		"no wishes": {},
		"wishes":    {MaxTokens: 5, ChatTemplateKwargs: json.RawMessage(`{"a":1}`), Options: json.RawMessage(`{"b":2}`), ExtraBody: json.RawMessage(`{"c":3}`)},
	} {
		wished := target(model.Layer{})
		wished.Params = params
		fresh := prompt.NewPlan(wished, prompt.House{Dir: "/ws"}, []hearth.ToolSpec{spec("read")})
		stored, _, err := fresh.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := prompt.DecodePlan(stored)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := prompt.Build(fresh, nil), prompt.Build(again, nil); !reflect.DeepEqual(a, b) {
			t.Errorf("%s: the request was\n%+v\nand is now\n%+v", name, a, b)
		}
	}
}

func TestAModelWithoutToolsIsNotToldOfThem(t *testing.T) {
	none := model.ToolsNone
	plan := prompt.NewPlan(target(model.Layer{Tools: &none}), prompt.House{Dir: "/ws"}, []hearth.ToolSpec{spec("read")})
	if len(plan.Tools) != 0 || strings.Contains(plan.System, "tool") {
		t.Errorf("got %+v", plan)
	}
}

func TestWorkspaceFilesTakeAtMostTheirShareOfASmallWindow(t *testing.T) {
	window := 8000
	house := prompt.House{Files: []prompt.File{{Name: "AGENTS.md", Text: strings.Repeat("Ünderstand this. ", 2000)}, {Name: "SOUL.md", Text: "soul"}}}
	plan := prompt.NewPlan(target(model.Layer{Window: &window}), house, nil)
	if n := len(plan.System); n > 8000*3*15/100+1500 {
		t.Errorf("the system text has %d bytes", n)
	}
	if !strings.Contains(plan.System, "bytes of AGENTS.md are shown; read the file for the rest]") {
		t.Errorf("the cut is not told: …%s", plan.System[len(plan.System)-300:])
	}
}

// A long file leaves those after it some room, however long they are; and who looks what fills
// the window sees that it was cut.
func TestALongFileDoesNotTakeTheRoomOfAShortOne(t *testing.T) {
	window := 16_384
	plan := func(memory string) *prompt.Plan {
		house := prompt.House{Files: []prompt.File{{Name: "AGENTS.md", Text: strings.Repeat("Rule: understand this. ", 600)}, {Name: "SOUL.md"}, {Name: "MEMORY.md", Text: memory}}}
		return prompt.NewPlan(target(model.Layer{Window: &window}), house, nil)
	}
	short, long := plan("Ann has a cat."), plan(strings.Repeat("Ann has a cat.\n", 500))
	if !strings.HasSuffix(short.System, "# MEMORY.md\nAnn has a cat.") {
		t.Errorf("what is remembered is not told: …%s", short.System[len(short.System)-200:])
	}
	if name := short.Shares[0].Name; name != "AGENTS.md, cut from 13799 bytes" {
		t.Errorf("the share is of %q", name)
	}
	before, _, _ := strings.Cut(long.System, "# MEMORY.md")
	if !strings.HasPrefix(short.System, before) || !strings.Contains(long.System, "# MEMORY.md\nAnn has a cat.") {
		t.Error("what is remembered moves what is told before it")
	}
	if n := len(long.System); n > 16_384*3*15/100+1500 {
		t.Errorf("the system text has %d bytes", n)
	}
}

func TestFreezeStampsTheMessageAndTellsWhatChanged(t *testing.T) {
	plan := prompt.NewPlan(target(model.Layer{}), prompt.House{Files: []prompt.File{{Name: "AGENTS.md", Text: "old"}}}, nil)
	m := prompt.Freeze(plan, prompt.Incoming{
		ID: "1", Text: "hi", At: noon, From: hearth.FromMember, Sender: hearth.Sender{Name: "Bob]\n[x", Channel: "telegram"},
	}, prompt.House{Files: []prompt.File{{Name: "AGENTS.md", Text: "new"}}}, plan.Facts)
	want := "[Sat 2026-11-21 12:00 CET · from Bob| |x · telegram]\n[AGENTS.md was changed by its owner. It now says:]\nnew\n[end of AGENTS.md]"
	if m.Parts[0].Text != want || m.Parts[1].Text != "hi" || m.Parts[1].Provenance != hearth.FromMember {
		t.Errorf("got %+v", m.Parts)
	}
	again := prompt.Freeze(plan, prompt.Incoming{Text: "x", At: noon}, prompt.House{Files: []prompt.File{{Name: "AGENTS.md", Text: "new"}}}, prompt.KnownFacts(plan, []hearth.Message{m}))
	if strings.Contains(again.Parts[0].Text, "AGENTS.md") {
		t.Errorf("the change is told twice: %q", again.Parts[0].Text)
	}
	gone := prompt.Freeze(plan, prompt.Incoming{Text: "x", At: noon}, prompt.House{Files: []prompt.File{{Name: "AGENTS.md"}}}, plan.Facts)
	if !strings.Contains(gone.Parts[0].Text, "[AGENTS.md was removed; what it said no longer holds.]") {
		t.Errorf("the removal is not told: %q", gone.Parts[0].Text)
	}
}

// What the agent is to remember grows by a line at a time: the model is told the line.
func TestWhatWasAddedToAFileIsToldAlone(t *testing.T) {
	const remembered = "# Memory\n\nAnn is a gardener.\n"
	for _, c := range []struct{ name, before, after, told string }{
		{"a line", remembered, remembered + "She has a cat.\n", "was added to by its owner. Its end is new:]\nShe has a cat.\n[end of MEMORY.md]"},
		{"lines after a last one without an end", "Ann", "Ann\nBob\n\nEve", "was added to by its owner. Its end is new:]\nBob\n\nEve\n[end of MEMORY.md]"},
		{"words in the last line", "Ann", "Ann and Bob", "was changed by its owner. It now says:]\nAnn and Bob\n[end of MEMORY.md]"},
		{"a line in the middle", "Ann\nEve\n", "Ann\nBob\nEve\n", "was changed by its owner. It now says:]\nAnn\nBob\nEve\n[end of MEMORY.md]"},
		{"a line less", "Ann\nBob\n", "Ann\n", "was changed by its owner. It now says:]\nAnn\n[end of MEMORY.md]"},
		{"the first words", "", "Ann\n", "was changed by its owner. It now says:]\nAnn\n[end of MEMORY.md]"},
		{"an empty line", "Ann", "Ann\n", "was changed by its owner. It now says:]\nAnn\n[end of MEMORY.md]"},
		{"what is too long", "Ann\n", "Ann\n" + strings.Repeat("Bob is here.\n", 20_000), "read the file for the rest]\n[end of MEMORY.md]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := prompt.NewPlan(target(model.Layer{}), prompt.House{Files: []prompt.File{{Name: "MEMORY.md", Text: c.before}}}, nil)
			m := prompt.Freeze(plan, prompt.Incoming{Text: "hi", At: noon}, prompt.House{Files: []prompt.File{{Name: "MEMORY.md", Text: c.after}}}, plan.Facts)
			if !strings.HasSuffix(m.Parts[0].Text, c.told) {
				t.Errorf("the model is told %q", m.Parts[0].Text)
			}
			whole := prompt.NewPlan(target(model.Layer{}), prompt.House{Files: []prompt.File{{Name: "MEMORY.md", Text: c.after}}}, nil)
			if known := prompt.KnownFacts(plan, []hearth.Message{m}); !reflect.DeepEqual(known, whole.Facts) {
				t.Errorf("%+v is known, want what an epoch that begins now folds in: %+v", known, whole.Facts)
			}
		})
	}
}

func TestImagesForATextModelBecomeASentence(t *testing.T) {
	yes := true
	in := prompt.Incoming{Text: "see", At: noon, Images: []hearth.Blob{{Hash: "h", MIME: "image/png", Name: "cat.png"}}}
	blind := prompt.NewPlan(target(model.Layer{}), prompt.House{}, nil)
	if m := prompt.Freeze(blind, in, prompt.House{}, nil); len(m.Parts) != 2 || !strings.Contains(m.Parts[0].Text, "[Left out, because this model reads text only: cat.png]") {
		t.Errorf("got %+v", m.Parts)
	}
	seeing := prompt.NewPlan(target(model.Layer{Vision: &yes}), prompt.House{}, nil)
	if m := prompt.Freeze(seeing, in, prompt.House{}, nil); len(m.Parts) != 3 || m.Parts[2].Blob == nil {
		t.Errorf("got %+v", m.Parts)
	}
}

func TestToolOutputIsCutOnceAndScaledToTheWindow(t *testing.T) {
	for _, c := range []struct{ window, most int }{{4000, 2400}, {16000, 9600}, {400_000, 64_000}} {
		plan := prompt.NewPlan(target(model.Layer{Window: &c.window}), prompt.House{}, nil)
		r := prompt.FreezeResult(plan, hearth.ToolResult{Text: strings.Repeat("é", 100_000)})
		if len(r.Text) > c.most+100 || !strings.Contains(r.Text, "bytes left out here") {
			t.Errorf("window %d: kept %d bytes", c.window, len(r.Text))
		}
		if again := prompt.FreezeResult(plan, r); again.Text != r.Text && len(r.Text) <= c.most {
			t.Errorf("window %d: freezing twice changes the text", c.window)
		}
	}
}

func TestBuildLeavesOutMarksAndWhatBelongsToAnotherModel(t *testing.T) {
	plan := prompt.NewPlan(target(model.Layer{}), prompt.House{}, nil)
	plan.Summary = "They met."
	other := hearth.ModelRef{Provider: "x", Model: "y"}
	req := prompt.Build(plan, []hearth.Message{
		{ID: "1", Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "hi"}}},
		{ID: "2", Role: hearth.RoleMark, Parts: []hearth.Part{{Mark: &hearth.Mark{Kind: hearth.MarkStarted}}}},
		{ID: "3", Role: hearth.RoleAssistant, Model: other, Parts: []hearth.Part{{Thinking: "hm"}, {Opaque: json.RawMessage(`1`)}, {Text: "yes"}}},
		{ID: "4", Role: hearth.RoleAssistant, Model: plan.Target, Parts: []hearth.Part{{Thinking: "hm"}, {Text: "yes"}}},
	})
	var got []string
	for _, m := range req.Messages {
		for _, p := range m.Parts {
			got = append(got, p.Text+p.Thinking+string(p.Opaque))
		}
	}
	want := []string{"[Hearth shortened this conversation. What came before, in summary:]\nThey met.", "Understood. I go on from there.", "hi", "yes", "hm", "yes"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

// What was refused once may fit by now: only the server can say so.
func TestPreflightBlocksNothingForARefusalOfBefore(t *testing.T) {
	warning, err := prompt.Preflight(hearth.ModelRef{Provider: "p", Model: "m"}, model.Capabilities{Window: 3000, WindowRefused: true}, "server")
	if err != nil || !strings.Contains(warning, "ctx=3000") {
		t.Errorf("got %q, %v", warning, err)
	}
}

// What is too small says where it is made larger, in the words of the server.
func TestATooSmallWindowSaysWhereItIsSet(t *testing.T) {
	for _, c := range []struct{ server, source, try string }{
		{"ollama", "config", "contextWindow"}, {"ollama", "server", "num_ctx"}, {"lmstudio", "server", "in LM Studio"}, {"llama.cpp", "server", "-c"},
		{"vllm", "server", "--max-model-len"}, {"sglang", "server", "--context-length"}, {"unknown", "default", "on the model server"},
	} {
		_, err := prompt.Preflight(hearth.ModelRef{Provider: "p", Model: "m"}, model.Capabilities{Window: 2_000, Server: c.server}, c.source)
		if e, ok := errors.AsType[*hearth.Error](err); !ok || !strings.Contains(e.Try, c.try) {
			t.Errorf("%s, by the %s: %v", c.server, c.source, err)
		}
	}
}

func TestPreflight(t *testing.T) {
	for _, c := range []struct {
		name               string
		window, trainedMax int
		blocked, warned    bool
	}{
		{"3000 tokens are blocked", 3000, 0, true, false},
		{"4000 tokens stand on the floor and run", 4000, 0, false, true},
		{"6000 tokens run with a warning", 6000, 0, false, true},
		{"8000 tokens run quietly", 8000, 0, false, false},
		{"a cap of 16k on a million-token model is valid", 16_000, 1_000_000, false, false},
		{"a cap of 3k on a million-token model is blocked", 3_000, 1_000_000, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			warning, err := prompt.Preflight(hearth.ModelRef{Provider: "p", Model: "m"}, model.Capabilities{Window: c.window, TrainedMax: c.trainedMax}, "config")
			if (err != nil) != c.blocked || (warning != "") != c.warned {
				t.Errorf("got %q, %v", warning, err)
			}
			if err != nil && hearth.ReasonOf(err) != hearth.ReasonWindowTooSmall {
				t.Errorf("got reason %s", hearth.ReasonOf(err))
			}
		})
	}
}

func TestAGaugeLearnsTheTwoScriptsApart(t *testing.T) {
	plan := &prompt.Plan{System: strings.Repeat("s", 3700)}
	truth := prompt.Ratio{ASCII: 0.4, Other: 1.6}
	const head = 900
	var series []prompt.Sample
	var w prompt.Weight
	for _, add := range []prompt.Weight{{ASCII: 400}, {ASCII: 300, Other: 20}, {ASCII: 30, Other: 300}, {ASCII: 500}, {ASCII: 10, Other: 400}} {
		w = w.Add(add)
		series = append(series, prompt.Sample{Weight: w, Tokens: head + truth.Tokens(w)})
	}
	got := prompt.Gauge{}.Learn(plan, series)
	near := func(a, b float64) bool { return a > b*0.85 && a < b*1.15 }
	if !near(got.Ratio.ASCII, truth.ASCII) || !near(got.Ratio.Other, truth.Other) || !near(float64(got.Head), head) {
		t.Errorf("learned %+v of %+v", got, truth)
	}
	if again := got.Learn(plan, nil); again != got {
		t.Errorf("nothing new was seen, and %+v became %+v", got, again)
	}
	// A server that counts nonsense in between is not followed.
	series = append(series, prompt.Sample{Weight: w.Add(prompt.Weight{ASCII: 10}), Tokens: 500_000})
	if wild := (prompt.Gauge{}).Learn(plan, series); !near(wild.Ratio.ASCII, truth.ASCII) || wild.Head > 3*1000 {
		t.Errorf("learned %+v from nonsense", wild)
	}
}

// What goes with every message of another script (stamps, frames, digits) is ASCII, in one
// proportion: its count is told by the sum only, and must not be taken for that of ASCII.
func TestAGaugeDoesNotLearnAScriptFromTalkInAnother(t *testing.T) {
	plan := &prompt.Plan{System: strings.Repeat("word ", 700)}
	for name, c := range map[string]struct {
		turn   prompt.Weight
		truth  prompt.Ratio
		within float64
		hold   func(prompt.Ratio) (got, want float64)
	}{
		"Chinese with stamps": {prompt.Weight{ASCII: 110, Other: 180}, prompt.Ratio{ASCII: 0.4, Other: 2.5}, 0.25,
			func(r prompt.Ratio) (float64, float64) { return r.ASCII, 0.4 }},
		"Chinese with fewer": {prompt.Weight{ASCII: 60, Other: 300}, prompt.Ratio{ASCII: 0.28, Other: 3}, 0.15,
			func(r prompt.Ratio) (float64, float64) { return r.ASCII, 0.28 }},
		"English with a dash": {prompt.Weight{ASCII: 300, Other: 2}, prompt.Ratio{ASCII: 0.5, Other: 0.8}, 0.1,
			func(r prompt.Ratio) (float64, float64) { return r.Other, 0.8 }},
	} {
		t.Run(name, func(t *testing.T) {
			var series []prompt.Sample
			weight := prompt.Weight{}
			for n := range 6 {
				weight = weight.Add(prompt.Weight{ASCII: c.turn.ASCII + n%3, Other: c.turn.Other})
				series = append(series, prompt.Sample{Weight: weight, Tokens: 900 + c.truth.Tokens(weight)})
			}
			learned := prompt.Gauge{}.Learn(plan, series)
			if got, want := c.hold(learned.Ratio); math.Abs(got-want) > c.within*want {
				t.Errorf("learned %.3f of the script that was hardly there (all: %+v), want %.3f", got, learned.Ratio, want)
			}
			within := func(got, want int) bool { return math.Abs(float64(got-want)) <= 0.15*float64(want) }
			if next := learned.Tokens(c.turn); !within(next, c.truth.Tokens(c.turn)) {
				t.Errorf("the next turn is estimated at %d tokens, want %d", next, c.truth.Tokens(c.turn))
			}
		})
	}
}

func TestAGaugeBeginsWithWhatTokenizersDo(t *testing.T) {
	for name, c := range map[string]struct {
		ascii, other float64
		want         prompt.Gauge
	}{
		"a tokenizer":           {0.25, 0.5, prompt.Gauge{Ratio: prompt.Ratio{ASCII: 0.25, Other: 0.5}}},
		"nothing known":         {0, 0, prompt.Gauge{}},
		"one script only":       {0.25, 0, prompt.Gauge{}},
		"nonsense":              {25, 0.5, prompt.Gauge{}},
		"not a number at all":   {math.NaN(), 0.5, prompt.Gauge{}},
		"without an end, below": {math.Inf(-1), 0.5, prompt.Gauge{}},
	} {
		if got := prompt.NewGauge(c.ascii, c.other); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestWhatTextWeighs(t *testing.T) {
	for text, want := range map[string]prompt.Weight{
		"":               {},
		"word":           {ASCII: 4},
		"two words":      {ASCII: 8},                 // the space goes with the word
		"a    b":         {ASCII: 2 + 3},             // and no more than one
		"Well, well.":    {ASCII: 8 + 2*4},           // a mark is a piece
		"really?!":       {ASCII: 6 + 4 + 1},         // as are several
		"2026":           {ASCII: 4 * 3},             // digits are taken one by one, or nearly
		"v2":             {ASCII: 1 + 3 + 1},         // and apart from letters
		"camelCase":      {ASCII: 9 + 3},             // a capital begins a piece
		"Название":       {Other: 8},                 // what is not ASCII is counted
		"第一行。 第二":        {Other: 6},                 // without its spaces
		"Köln 50667":     {ASCII: 3 + 5*3, Other: 1}, // and in the middle of words
		"{\"a\":1}":      {ASCII: 4 + 1 + 1 + 4 + 1 + 3 + 4},
		"9f86d081884c7d": {ASCII: 14 + 2*10 + 7},
	} {
		if got := prompt.WeighText(text); got != want {
			t.Errorf("%q weighs %+v, want %+v", text, got, want)
		}
	}
}
