package agent_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tiktoken-go/tokenizer"

	"hearth"
	"hearth/agent"
	"hearth/model"
	"hearth/prompt"
)

// counted is a model server with a real tokenizer: it renders a request as a chat template
// would and says how many tokens that is.
type counted struct {
	codec tokenizer.Codec
	// digitsApart has it take each digit for itself, as many models do.
	digitsApart bool
	tokens      []int // of each request
	say         func(n int) string
	says        func(n, whole, fresh int) hearth.Usage // what it counts of request n, of which so much is not cached; nil = it counts well
	cached      int
	// A window makes it a server that counts only what it refuses.
	window  int
	refused int // requests
}

func (s *counted) Stream(_ context.Context, q model.Question) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		req, err := q.Build(q.Chain[0])
		if err != nil {
			yield(model.Delta{}, err)
			return
		}
		sent := encode(req)
		size := len(sent.Head)
		for _, i := range sent.Items {
			size += len(i)
		}
		n := s.count(req)
		s.tokens = append(s.tokens, n)
		rep := hearth.Report{Target: q.Chain[0].Ref, Items: len(sent.Items), Bytes: size + 2000, Prefix: sent.Prefix(len(sent.Items)), Usage: hearth.Usage{Input: n, Output: s.length(s.say(len(s.tokens))) + 1, CacheCounted: true}}
		if s.window > 0 {
			rep.Usage = hearth.Usage{}
		}
		if s.says != nil {
			wrote := rep.Usage.Output
			rep.Usage = s.says(len(s.tokens), n, n-s.cached)
			s.cached = n + wrote
		}
		if s.window > 0 && n > s.window {
			s.refused++
			rep.Reason, rep.Refused = hearth.ReasonContextOverflow, n
			if yield(model.Delta{Sent: sent}, nil) && yield(model.Delta{Report: &rep}, nil) {
				yield(model.Delta{}, &hearth.Error{Reason: hearth.ReasonContextOverflow, Err: &model.Overflow{Window: s.window, Prompt: n, Exact: true}})
			}
			return
		}
		if yield(model.Delta{Sent: sent}, nil) && yield(model.Delta{Text: s.say(len(s.tokens))}, nil) {
			yield(model.Delta{Report: &rep, Stop: hearth.StopEnd}, nil)
		}
	}
}

// count renders in ChatML, with the tools the way Qwen's template has them.
func (s *counted) count(req *model.Request) int {
	var b strings.Builder
	b.WriteString("<|im_start|>system\n" + req.System + "\n\n# Tools\n\n<tools>")
	for _, t := range req.Tools {
		spec, err := json.Marshal(map[string]any{"type": "function", "function": t})
		if err != nil {
			panic(err)
		}
		b.WriteString("\n" + string(spec))
	}
	b.WriteString("\n</tools><|im_end|>\n")
	for _, m := range req.Messages {
		b.WriteString("<|im_start|>" + string(m.Role) + "\n")
		for _, p := range m.Parts {
			b.WriteString(p.Text)
			if p.Result != nil {
				b.WriteString(p.Result.Text)
			}
		}
		b.WriteString("<|im_end|>\n")
	}
	return s.length(b.String() + "<|im_start|>assistant\n")
}

func (s *counted) length(text string) (n int) {
	parts := []string{text}
	if s.digitsApart {
		parts = strings.FieldsFunc(text, isDigit)
		n = strings.Count(strings.Map(func(r rune) rune {
			if isDigit(r) {
				return '0'
			}
			return r
		}, text), "0")
	}
	for _, part := range parts {
		ids, _, err := s.codec.Encode(part)
		if err != nil {
			panic(err)
		}
		n += len(ids)
	}
	return n
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// languages are what people and models write, a sentence each.
var languages = map[string][]string{
	"English": {
		"Could you look at the invoice from last week and tell me whether the shipping costs were charged twice?",
		"I think the second line is wrong, because we had agreed on a flat rate for everything under ten kilos.",
		"Please write a short and friendly answer to them, and remind me on Thursday if nobody has replied by then.",
		"The heating engineer comes at half past nine, so the meeting has to move to the afternoon.",
		"My sister said that the recipe needs a pinch of nutmeg and far less sugar than the book claims.",
		"What would be the cheapest way to get from Leeds to Bristol with two bicycles on a Sunday morning?",
	},
	"German": {
		"Könntest du dir bitte die Rechnung von letzter Woche ansehen und prüfen, ob die Versandkosten doppelt berechnet wurden?",
		"Die zweite Zeile stimmt meiner Meinung nach nicht, weil wir für alles unter zehn Kilo eine Pauschale vereinbart hatten.",
		"Schreib ihnen eine kurze, freundliche Antwort und erinnere mich am Donnerstag, falls bis dahin niemand geantwortet hat.",
		"Der Heizungsmonteur kommt um halb zehn, deshalb müssen wir die Besprechung auf den Nachmittag verschieben.",
		"Meine Schwester meint, das Rezept brauche eine Prise Muskatnuss und weit weniger Zucker, als im Buch steht.",
		"Wie kommt man am Sonntagmorgen mit zwei Fahrrädern am günstigsten von Köln nach Nürnberg?",
	},
	"Russian": {
		"Посмотри, пожалуйста, счёт за прошлую неделю и скажи, не посчитали ли доставку дважды.",
		"Мне кажется, вторая строка неверна, потому что мы договаривались о единой цене за всё легче десяти килограммов.",
		"Напиши им короткий вежливый ответ и напомни мне в четверг, если до тех пор никто не отзовётся.",
		"Мастер по отоплению придёт в половине десятого, так что встречу придётся перенести на вечер.",
		"Сестра говорит, что в рецепт нужна щепотка мускатного ореха и гораздо меньше сахара, чем написано в книге.",
		"Как дешевле всего добраться в воскресенье утром из Твери в Казань с двумя велосипедами?",
	},
	"Chinese": {
		"请你看一下上周的发票，告诉我运费是不是被收了两次。",
		"我觉得第二行不对，因为我们说好十公斤以下的包裹都按统一价格计算。",
		"请给他们写一封简短友好的回信，如果到星期四还没有人回复，就提醒我一下。",
		"修暖气的师傅九点半来，所以会议只好改到下午。",
		"我妹妹说这个菜谱要加一点肉豆蔻，而且糖要比书上写的少得多。",
		"星期天早上带着两辆自行车从苏州到南京，怎么走最便宜？",
	},
	"Japanese": {
		"先週の請求書を見て、送料が二重に請求されていないか教えてください。",
		"十キロ未満はすべて一律料金という約束だったので、二行目は間違っていると思います。",
		"短くて丁寧な返事を書いてください。木曜日までに返信がなければ、私に知らせてください。",
		"暖房の修理の人が九時半に来るので、会議は午後にずらさなければなりません。",
		"妹によると、このレシピにはナツメグを少々入れて、砂糖は本に書いてあるよりずっと少なくするそうです。",
		"日曜日の朝、自転車二台と一緒に名古屋から京都まで行くには、どの方法がいちばん安いですか。",
	},
	"code": {
		"func (c *cache) get(key string) (value []byte, ok bool) {\n\tc.mu.Lock()\n\tdefer c.mu.Unlock()\n\te, ok := c.entries[key]\n\tif !ok || time.Since(e.at) > c.ttl {\n\t\treturn nil, false\n\t}\n\treturn e.value, true\n}\n",
		"SELECT o.id, o.total_cents / 100.0 AS total, c.name\nFROM orders o JOIN customers c ON c.id = o.customer_id\nWHERE o.created_at >= '2026-01-01' AND o.state <> 'cancelled'\nORDER BY total DESC LIMIT 20;\n",
		"for i in $(seq 1 12); do\n  printf '%02d %s\\n' \"$i\" \"$(date -d \"2026-$i-01\" +%B)\" >> months.txt\ndone\ngrep -rn --include='*.go' 'http.DefaultClient' . | awk -F: '{print $1}' | sort -u\n",
		"{\"name\":\"hearth\",\"version\":\"0.4.1\",\"scripts\":{\"build\":\"go build ./...\",\"test\":\"go test -race ./...\"},\"files\":[\"cmd\",\"internal\",\"README.md\"],\"private\":true}\n",
		"def moving_average(xs, n):\n    out, total = [], 0.0\n    for i, x in enumerate(xs):\n        total += x\n        if i >= n:\n            total -= xs[i - n]\n        out.append(total / min(i + 1, n))\n    return out\n",
		"E2026-11-21T09:14:03.221Z pool.go:118] lease 0x7f3a21 expired after 30.002s (holder=worker-7 pid=41532): context deadline exceeded\n",
	},
}

// passage is what is said n-th in a conversation in some languages, in turns.
func passage(n int, names ...string) string {
	name := names[n%len(names)]
	text := slices.Clone(languages[name])
	var b strings.Builder
	for i := range 6 {
		b.WriteString(text[(n+i)%len(text)] + " ")
	}
	return b.String()
}

func TestAfterFiveTurnsTokensAreEstimatedWithinFifteenPercent(t *testing.T) {
	all := slices.Sorted(maps.Keys(languages))
	rows := map[string][]string{"English and Chinese": {"English", "Chinese"}, "German and code": {"German", "code"}, "Russian and Japanese": {"Russian", "Japanese"}, "everything": all}
	for _, name := range all {
		rows[name] = []string{name}
	}
	for _, encoding := range []tokenizer.Encoding{tokenizer.Cl100kBase, tokenizer.O200kBase} {
		codec, err := tokenizer.Get(encoding)
		if err != nil {
			t.Fatal(err)
		}
		for name, names := range rows {
			t.Run(fmt.Sprintf("%s/%s", encoding, name), func(t *testing.T) {
				server := &counted{codec: codec, say: func(n int) string { return passage(n+3, names...) }}
				s := newScene(t, nil, &counter{name: "look", effect: hearth.EffectRead}, &counter{name: "peek", effect: hearth.EffectRead})
				s.cfg.Router, s.cfg.Room.KeepRecentTokens = server, 500
				s.agent = agent.New(s.cfg)
				for n := range 5 {
					if _, err := s.say(passage(n, names...)); err != nil {
						t.Fatal(err)
					}
				}
				// The next request, which the server has not counted.
				if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: passage(5, names...)}); err != nil {
					t.Fatal(err)
				}
				whole := s.used()
				s.turn()
				next := server.tokens[len(server.tokens)-1]
				within(t, "the next request", whole, next, 0.15)
				if len(names) == 1 { // where languages change, one message is not like those before
					known := server.tokens[len(server.tokens)-2]
					within(t, "what a turn adds", whole-known, next-known, 0.15)
				}
				// An epoch that the server has counted nothing of: all is estimated.
				if err := s.agent.Compact(t.Context(), s.mem, "", nil); err != nil {
					t.Fatal(err)
				}
				if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: passage(6, names...)}); err != nil {
					t.Fatal(err)
				}
				whole = s.used()
				s.turn()
				within(t, "the first request after a compaction", whole, server.tokens[len(server.tokens)-1], 0.15)
			})
		}
	}
}

// A server without usage and without a tokenizer counts only what it refuses: that
// teaches as much, here and for the conversations that come.
func TestWhatARefusalCountsIsLearned(t *testing.T) {
	codec, err := tokenizer.Get(tokenizer.Cl100kBase)
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{{"Chinese"}, {"Japanese"}} {
		t.Run(strings.Join(names, "+"), func(t *testing.T) {
			server := &counted{codec: codec, window: 6_000, say: func(n int) string { return passage(n+3, names...) }}
			s := newScene(t, nil)
			targets, err := s.cfg.Targets(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			targets[0].Layers.Config.Window = new(6_000)
			s.cfg.Targets = func(context.Context) ([]model.Target, error) { return targets, nil }
			s.cfg.Router, s.cfg.Room.KeepRecentTokens = server, 500
			s.agent = agent.New(s.cfg)
			talk := func(n int) {
				t.Helper()
				if out, err := s.say(passage(n, names...)); err != nil || out.Answer == "" {
					t.Fatalf("turn %d: %+v, %v", n, out, err)
				}
			}
			n := 0
			for ; server.refused == 0; n++ {
				if n == 200 {
					t.Fatal("it never refused")
				}
				talk(n)
			}
			for range 60 { // until the window was full a few times more
				talk(n)
				n++
			}
			if _, err := s.agent.Accept(t.Context(), s.mem, prompt.Incoming{Text: passage(n, names...)}); err != nil {
				t.Fatal(err)
			}
			whole := s.used()
			s.turn()
			within(t, "the next request", whole, server.tokens[len(server.tokens)-1], 0.15)
			if server.refused > 2 {
				t.Errorf("it refused %d times", server.refused)
			}
		})
	}
}

// A tokenizer may be swapped under a name, a proxy may count a request twice, a server may
// cut one in silence, and many count in ways of their own. No single count spoils what others
// teach, and two that go together are believed.
func TestOddCountsSpoilNoEstimate(t *testing.T) {
	codecs := map[tokenizer.Encoding]tokenizer.Codec{}
	for _, encoding := range []tokenizer.Encoding{tokenizer.R50kBase, tokenizer.O200kBase} {
		codec, err := tokenizer.Get(encoding)
		if err != nil {
			t.Fatal(err)
		}
		codecs[encoding] = codec
	}
	const old, modern = tokenizer.R50kBase, tokenizer.O200kBase
	whole := func(_, whole, _ int) hearth.Usage { return hearth.Usage{Input: whole, CacheCounted: true} }
	times := func(odd int, tenths int) func(n, whole, fresh int) hearth.Usage {
		return func(n, all, fresh int) hearth.Usage {
			if n == odd {
				all = all * tenths / 10
			}
			return whole(n, all, fresh)
		}
	}
	for _, c := range []struct {
		name  string
		model tokenizer.Encoding
		next  tokenizer.Encoding // that answers by the same name from the fifth request on
		says  func(n, whole, fresh int) hearth.Usage
		from  int // the request from which on estimates must be right
	}{
		{"all is counted", modern, modern, whole, 3},
		{"one count is double", modern, modern, times(4, 20), 7},
		{"one is manifold", modern, modern, times(4, 90), 5},
		{"one is of half the request", modern, modern, times(4, 5), 5},
		{"the first is too high", modern, modern, times(1, 16), 5},
		{"all that is beyond a limit is cut in silence", modern, modern, func(n, all, fresh int) hearth.Usage { return whole(n, min(all, 1_500), fresh) }, 5},
		{"a model that counts less takes the name", old, modern, whole, 8},
		{"a model that counts more takes the name", modern, old, whole, 8},
	} {
		for _, language := range []string{"English", "Chinese", "Russian"} {
			t.Run(c.name+"/"+language, func(t *testing.T) {
				server := &counted{codec: codecs[c.model], says: c.says, say: func(n int) string { return passage(n+3, language) }}
				s := newScene(t, nil, &counter{name: "look", effect: hearth.EffectRead}, &counter{name: "peek", effect: hearth.EffectRead})
				s.cfg.Router, s.cfg.NoCompaction = server, true
				s.agent = agent.New(s.cfg)
				for n := 1; n <= 10; n++ {
					if n == 5 {
						server.codec = codecs[c.next]
					}
					used := s.next(passage(n-1, language))
					if n >= c.from {
						within(t, fmt.Sprintf("request %d", n), used, server.tokens[n-1], 0.15)
					}
				}
			})
		}
	}
}

// Of a server that leaves out what it had cached, or counts no prompt at all, a model's own
// words are learned from: their count is of nothing else.
func TestWhatAModelWroteTeachesWhereItsPromptsAreNotCounted(t *testing.T) {
	for _, encoding := range []tokenizer.Encoding{tokenizer.R50kBase, tokenizer.O200kBase} {
		codec, err := tokenizer.Get(encoding)
		if err != nil {
			t.Fatal(err)
		}
		for _, language := range []string{"English", "Chinese", "Russian"} {
			for name, input := range map[string]func(fresh int) int{
				"what was cached is left out": func(fresh int) int { return fresh },
				"no prompt is counted":        func(int) int { return 0 },
			} {
				t.Run(fmt.Sprintf("%s/%s/%s", encoding, language, name), func(t *testing.T) {
					say := func(n int) string { return passage(n+3, language) }
					server := &counted{codec: codec, say: say}
					server.says = func(n, _, fresh int) hearth.Usage {
						return hearth.Usage{Input: input(fresh), Output: server.length(say(n)) + 1}
					}
					s := newScene(t, nil, &counter{name: "look", effect: hearth.EffectRead}, &counter{name: "peek", effect: hearth.EffectRead})
					s.cfg.Router, s.cfg.NoCompaction = server, true
					kept := &learned{}
					s.cfg.Counts = kept
					s.agent = agent.New(s.cfg)
					for n := range 9 {
						used := s.next(passage(n, language))
						if n >= 5 {
							within(t, fmt.Sprintf("request %d", n+1), used, server.tokens[n], 0.15)
						}
					}
				})
			}
		}
	}
}

// A server that leaves out what it had cached, and says nothing of it, has counted all when
// its counts are put together: whether it had the model's own answers cached too, or not.
// Which of the two it was shows only roughly, so long answers cost some of the precision.
func TestCountsOfWhatIsNewAddUp(t *testing.T) {
	codec, err := tokenizer.Get(tokenizer.R50kBase)
	if err != nil {
		t.Fatal(err)
	}
	for _, say := range map[string]string{"short": "ok", "long": passage(3, "English")} {
		for name, answers := range map[string]bool{"with the answers": true, "without the answers": false} {
			for _, languages := range [][]string{{"Chinese"}, {"Chinese", "English"}, {"Russian", "English"}} {
				t.Run(fmt.Sprintf("%s %s of %d letters", languages, name, len(say)), func(t *testing.T) {
					server := &counted{codec: codec, say: func(int) string { return say }}
					wrote := server.length(say) + 1
					server.says = func(n, _, fresh int) hearth.Usage {
						if answers && n > 1 {
							fresh += wrote
						}
						return hearth.Usage{Input: fresh, Output: wrote}
					}
					s := newScene(t, nil)
					s.cfg.Router, s.cfg.NoCompaction = server, true
					s.agent = agent.New(s.cfg)
					for n := range 12 {
						used := s.next(passage(n, languages[n%len(languages)]))
						if n >= 6 {
							within(t, fmt.Sprintf("request %d", n+1), used, server.tokens[n], map[bool]float64{true: 0.15, false: 0.2}[say == "ok"])
						}
					}
				})
			}
		}
	}
}

// Thoughts and calls are counted with the words, so an answer of a model that thinks, or
// that calls, says nothing of the words.
func TestWhatIsNotWordsAloneTeachesNothing(t *testing.T) {
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a plain English sentence, said again. ", 30)
	for name, c := range map[string]struct {
		reasons bool
		output  int
	}{
		"a model that thinks": {true, 400},
		"more than any words": {false, 4_000},
		"nothing is counted":  {false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			server := &counted{codec: codec, say: func(int) string { return long }, says: func(int, int, int) hearth.Usage { return hearth.Usage{Output: c.output} }}
			s := newScene(t, nil)
			targets, err := s.cfg.Targets(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			targets[0].Layers.Server.Reasoning = new(c.reasons)
			s.cfg.Targets = func(context.Context) ([]model.Target, error) { return targets, nil }
			s.cfg.Router = server
			s.agent = agent.New(s.cfg)
			for range 3 {
				s.next("go on")
			}
			usual := 0
			for _, e := range s.mem.entries {
				usual += prompt.UsualRatio.Tokens(prompt.Weigh(&prompt.Plan{}, []hearth.Message{e.Message}))
			}
			ctx, err := s.agent.Context(t.Context(), s.mem)
			if err != nil {
				t.Fatal(err)
			}
			within(t, "the messages, by the usual", ctx.Used-ctx.System-ctx.Tools, usual, 0.01)
		})
	}
}

// A conversation teaches a ratio in prose; what its tools read is code, tables and hashes.
func TestWhatProseTaughtHoldsForWhatToolsRead(t *testing.T) {
	var table, log, hashes strings.Builder
	random := rand.New(rand.NewPCG(1, 2))
	bytes := make([]byte, 2_000)
	for i := range bytes {
		bytes[i] = byte(random.UintN(256))
	}
	for i := range 40 {
		fmt.Fprintf(&table, "%d,%.3f,%d,%.2f\n", i, 1000*random.Float64(), random.IntN(100_000), random.Float64())
		fmt.Fprintf(&log, "192.168.%d.%d - - [21/Nov/2026:09:14:%02d +0000] \"GET /api/v1/items/%d HTTP/1.1\" 200 %d\n",
			random.IntN(255), random.IntN(255), i%60, random.IntN(9_999), random.IntN(99_999))
		fmt.Fprintf(&hashes, "%x  notes/page-%d.md\n", bytes[20*i:20*i+20], i)
	}
	for name, read := range map[string]string{
		"a table": table.String(), "a log": log.String(), "hashes": hashes.String(), "base64": base64.StdEncoding.EncodeToString(bytes[:1_000]), "code": passage(0, "code") + passage(3, "code"),
	} {
		for _, apart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/digits apart %t", name, apart), func(t *testing.T) {
				codec, err := tokenizer.Get(tokenizer.Cl100kBase)
				if err != nil {
					t.Fatal(err)
				}
				server := &counted{codec: codec, digitsApart: apart, say: func(n int) string { return passage(n+3, "English") }}
				s := newScene(t, nil, &counter{name: "look", effect: hearth.EffectRead}, &counter{name: "peek", effect: hearth.EffectRead})
				s.cfg.Router, s.cfg.NoCompaction = server, true
				s.agent = agent.New(s.cfg)
				for n := range 5 {
					s.next(passage(n, "English"))
				}
				within(t, "the next request", s.next(read), server.tokens[5], 0.15)
			})
		}
	}
}

// After a conversation in one language a message comes in another.
func TestWhatOneLanguageTaughtDoesNotSpoilAnother(t *testing.T) {
	for _, pair := range [][2]string{{"Chinese", "English"}, {"English", "Chinese"}, {"Russian", "English"}, {"English", "Russian"}, {"code", "Japanese"}, {"Japanese", "code"}} {
		for _, encoding := range []tokenizer.Encoding{tokenizer.Cl100kBase, tokenizer.O200kBase} {
			t.Run(fmt.Sprintf("%s/%s and %s", encoding, pair[0], pair[1]), func(t *testing.T) {
				codec, err := tokenizer.Get(encoding)
				if err != nil {
					t.Fatal(err)
				}
				server := &counted{codec: codec, say: func(n int) string { return passage(n+3, pair[0]) }}
				s := newScene(t, nil)
				s.cfg.Router, s.cfg.NoCompaction = server, true
				s.agent = agent.New(s.cfg)
				for n := range 5 {
					s.next(passage(n, pair[0]))
				}
				within(t, "the next request", s.next(passage(5, pair[1])), server.tokens[5], 0.15)
			})
		}
	}
}

// What the counts of an epoch taught holds in the one that follows, whatever ended it.
func TestWhatWasLearnedIsNotLostWithTheEpoch(t *testing.T) {
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	if err != nil {
		t.Fatal(err)
	}
	server := &counted{codec: codec, say: func(n int) string { return passage(n+3, "Russian") }}
	s := newScene(t, nil)
	targets, err := s.cfg.Targets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.cfg.Targets = func(context.Context) ([]model.Target, error) { return targets, nil }
	s.cfg.Router = server
	s.agent = agent.New(s.cfg)
	for n := range 5 {
		s.next(passage(n, "Russian"))
	}
	targets[0].Params.Thinking = "high"
	s.refresh()
	within(t, "the first request after it", s.next(passage(5, "Russian")), server.tokens[5], 0.15)
	if n := len(s.mem.epochs); n != 2 {
		t.Errorf("%d epochs", n)
	}
}

// next has one more turn run, and gives the estimate of its first request.
func (s *scene) next(text string) (used int) {
	s.Helper()
	if _, err := s.agent.Accept(s.Context(), s.mem, prompt.Incoming{Text: text}); err != nil {
		s.Fatal(err)
	}
	used = s.used()
	s.turn()
	return used
}

// used is the estimate of the next request.
func (s *scene) used() int {
	s.Helper()
	c, err := s.agent.Context(s.Context(), s.mem)
	if err != nil {
		s.Fatal(err)
	}
	return c.Used
}

func (s *scene) turn() {
	s.Helper()
	if _, err := s.agent.Turn(s.Context(), s.mem, nil); err != nil {
		s.Fatal(err)
	}
}

func within(t *testing.T, what string, got, want int, share float64) {
	t.Helper()
	off := float64(got-want) / float64(want)
	t.Logf("%s: %d tokens estimated, %d counted: %+.1f %%", what, got, want, 100*off)
	if math.Abs(off) > share {
		t.Errorf("%s: %d tokens estimated, %d counted: %+.1f %%", what, got, want, 100*off)
	}
}

func TestAnEstimateAloneStopsNothing(t *testing.T) {
	s := newScene(t, []step{{text: "All of it was read."}})
	// Far more than the window by any estimate; the server's tokenizer may know better.
	if out, err := s.say(strings.Repeat("          ", 20_000)); err != nil || out.Answer != "All of it was read." {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestCompactingWhatIsAllRecentSaysSo(t *testing.T) {
	s := newScene(t, []step{{text: "Hello."}})
	if _, err := s.say("hi"); err != nil {
		t.Fatal(err)
	}
	err := s.agent.Compact(t.Context(), s.mem, "", nil)
	if hearth.ReasonOf(err) != hearth.ReasonUsage || !strings.Contains(err.Error(), "all 2 messages are recent") {
		t.Errorf("got %v", err)
	}
}
