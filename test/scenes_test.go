//go:build unix

package test_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hearth"
	"hearth/model/modeltest"
)

// scenes are the two hundred turns. Most are everyday ones, drawn from a fixed seed; what
// is out of the ordinary has its place.
func scenes() []scene {
	draw := rand.New(rand.NewPCG(2026, 11))
	all := make([]scene, turns)
	for i := range all {
		all[i] = everyday(i+1, draw)
	}
	for n, change := range changes() {
		all[n-1].before = change
	}
	for n, sc := range incidents() {
		sc.before = all[n-1].before
		all[n-1] = sc
	}
	return all
}

// ends is how a turn's last answer goes.
func ends(n int, text string) modeltest.Behaviour { return says(text + " " + mark(n)) }

// everyday draws a turn that ends well.
func everyday(n int, draw *rand.Rand) scene {
	words := strings.Repeat("and on and on ", draw.IntN(20))
	note := fmt.Sprintf("note%d.txt", draw.IntN(5))
	kinds := []scene{
		{name: "words", answers: []modeltest.Behaviour{ends(n, "Good day.")}},
		{name: "many words " + words, answers: []modeltest.Behaviour{ends(n, words)}},
		{name: "thoughts", answers: []modeltest.Behaviour{modeltest.Say(modeltest.Reply{Thinking: "Hm, " + words, Text: "I have thought. " + mark(n)})}},
		{name: "other scripts: \u65e5\u672c\u8a9e \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u2028 e\u0301", answers: []modeltest.Behaviour{ends(n, "\u306f\u3044 \U0001F44B\U0001F3FD \"quoted\"\t\\")}},
		{name: "an end by length", answers: []modeltest.Behaviour{modeltest.Say(modeltest.Reply{Text: "And so on " + mark(n), Stop: hearth.StopLength})}},
		{name: "a file is read", answers: []modeltest.Behaviour{calls("read", `{"path":  "notes.txt"}`), ends(n, "Milk.")}},
		{name: "a missing file is read", answers: []modeltest.Behaviour{calls("read", `{"path":"missing.txt"}`), ends(n, "There is none.")}},
		{name: "a file is written and read", answers: []modeltest.Behaviour{
			calls("write", fmt.Sprintf(`{"path":%q,"content":"roses %d\n"}`, note, n)), calls("read", fmt.Sprintf(`{"path":%q}`, note)), ends(n, "Written."),
		}},
		{name: "two calls at once", answers: []modeltest.Behaviour{
			calls("read", fmt.Sprintf(`{"path":"notes.txt","zeta":%d,"alpha":1}`, n), "exec", fmt.Sprintf(`{"command":"echo %d"}`, n)), ends(n, "Both."),
		}},
		{name: "three calls at once, and thoughts", answers: []modeltest.Behaviour{
			modeltest.Say(modeltest.Reply{Thinking: "Three.", Text: "Let me look.", Calls: []hearth.ToolCall{
				{ID: hearth.CallID(fmt.Sprint("call_a", n)), Name: "read", Arguments: `{"path":"notes.txt"}`},
				{ID: hearth.CallID(fmt.Sprint("call_b", n)), Name: "read", Arguments: `{"path":"missing.txt"}`},
				{ID: hearth.CallID(fmt.Sprint("call_c", n)), Name: "exec", Arguments: `{"command":"exit 3"}`},
			}}), ends(n, "One of three."),
		}},
		{name: "a tool that there is not", answers: []modeltest.Behaviour{calls("fly", fmt.Sprintf(`{"to":"moon %d"}`, n)), ends(n, "I cannot.")}},
		{name: "arguments that are no JSON", answers: []modeltest.Behaviour{calls("read", fmt.Sprintf(`{"path": "no %d`, n)), ends(n, "My mistake.")}},
	}
	return kinds[draw.IntN(len(kinds))]
}

// changes are what the person does to the house before a turn.
func changes() map[int]func(s *story) {
	remove := func(s *story) { _ = os.Remove(filepath.Join(s.dir, "work/AGENTS.md")) } // a request tells whether it is gone
	return map[int]func(s *story){
		8:  func(s *story) { s.write("work/AGENTS.md", "Be brief, and kind.\n") },
		10: func(s *story) { s.write(kettle, kettleText) },
		11: func(s *story) { s.tells("There are new skills.", kettle[len("work/"):]) },
		14: func(s *story) {
			s.set(settings{tools: `deny: ["exec"]`, row: `, params: { temperature: 0.3 }, maxTokens: 700`})
		},
		20: func(s *story) { s.set(settings{}) }, // the tool exec comes late
		30: func(s *story) { // what was told before the summary is in the system text now
			s.tells(kettle[len("work/"):])
			s.travel("Pacific/Kiritimati") // UTC+14: mostly tomorrow
		},
		33:  func(s *story) { s.write("work/MEMORY.md", "Ann likes tea.\n") },
		34:  func(s *story) { s.tells("MEMORY.md was changed", "Ann likes tea.") },
		50:  func(s *story) { s.set(settings{primary: "gone/no-model", fallbacks: `"box/test-model"`}) },
		51:  func(s *story) { s.set(settings{}) },
		55:  func(s *story) { s.set(settings{primary: "gone/no-model", fallbacks: " "}) },
		56:  func(s *story) { s.set(settings{}) },
		60:  func(s *story) { s.set(settings{primary: "box/" + missing}) },
		61:  func(s *story) { s.set(settings{}) },
		80:  func(s *story) { s.upgrade(nextRelease) },
		100: func(s *story) { s.strikes(-time.Minute) },
		101: func(s *story) { s.strikes(time.Minute) }, // the same process, another day
		102: func(s *story) { s.goesOn(time.Minute) },
		115: func(s *story) { s.travel("Pacific/Pago_Pago") }, // UTC-11: another day for sure
		120: func(s *story) { s.write("work/SOUL.md", "You are calm.\n") },
		150: func(s *story) { s.write("work/long.txt", strings.Repeat("a long line of notes\n", 700)) },
		180: func(s *story) { s.upgrade(lastRelease) },
		195: func(s *story) { s.write("work/SOUL.md", "You are calm indeed.\n") },
		196: func(s *story) { s.travel("Asia/Kathmandu") },
		197: remove,
		199: func(s *story) { s.write("work/MEMORY.md", "Ann likes tea.\nShe has a cat.\n") },
	}
}

// incidents are turns with a place of their own.
func incidents() map[int]scene {
	fallback := func(n int, first modeltest.Behaviour) scene {
		return scene{name: "another model answers", leaves: true, answers: []modeltest.Behaviour{first, ends(n, "I stand in.")}}
	}
	picture := func(n int) scene {
		return scene{name: "a picture", flags: []string{"--file", "dot.png"}, answers: []modeltest.Behaviour{ends(n, "A dot.")}}
	}
	broken := scene{name: "both models break", ends: failed, told: "it broke", answers: []modeltest.Behaviour{breaksDown, breaksDown}}
	withTool := scene{name: "they break after a tool", ends: failed, told: "it broke", answers: []modeltest.Behaviour{
		calls("read", `{"path":"notes.txt"}`), breaksDown, breaksDown,
	}}
	cutOff := scene{name: "the answer is cut", ends: failed, answers: []modeltest.Behaviour{pathology("dies in the middle of its answer")}}
	clean := scene{name: "the answer ends too early", ends: failed, answers: []modeltest.Behaviour{pathology("ends cleanly without a finish reason")}}
	taught := fallback(22, refusesEnum)
	taught.name, taught.breaks = "the server refuses a keyword", map[string]string{"test-model": "server-refused"}
	another := func(n int, reason string, models ...string) scene {
		sc := scene{name: "the first request since then", answers: []modeltest.Behaviour{ends(n, "Good day.")}, breaks: map[string]string{}}
		for _, m := range models {
			sc.breaks[m] = reason
		}
		return sc
	}
	upgraded := fallback(183, breaksDown)
	upgraded.breaks = map[string]string{"second-model": "encoder-changed"}
	return map[int]scene{
		100: {name: "just before midnight", answers: []modeltest.Behaviour{ends(100, "Good night.")}},
		101: {name: "just after it", answers: []modeltest.Behaviour{calls("read", `{"path":"notes.txt"}`), ends(101, "Good morning.")}},
		22:  taught,
		25:  picture(25),
		28:  {name: "/compact keep the names", ends: commanded, told: "summed up", answers: []modeltest.Behaviour{says("The person greets a lot.")}},
		29:  another(29, "compaction", "test-model"),
		35:  fallback(35, breaksDown),
		40:  broken,
		42:  withTool,
		45:  cutOff,
		47:  clean,
		50:  {name: "the first model's server is gone", answers: []modeltest.Behaviour{ends(50, "I am here.")}, leaves: true},
		55:  {name: "all servers are gone", ends: failed, told: "127.0.0.1:1"},
		60:  fallback(60, hasNoSuchModel),
		65:  {name: "Ctrl-C before the first word", ends: unheard, answers: []modeltest.Behaviour{pathology("hangs before it answers")}},
		70:  {name: "Ctrl-C in the middle", ends: cut, answers: []modeltest.Behaviour{pathology("hangs in the middle of its answer")}},
		75:  {name: "Ctrl-C during a command", ends: halted, answers: []modeltest.Behaviour{calls("exec", `{"command":"touch begun75; sleep 600"}`)}},
		85:  fallback(85, pathology("closes the connection without a byte")),
		95:  fallback(95, breaksDown),
		105: fallback(105, breaksDown),
		125: picture(125),
		130: {name: "kill -9 in the middle", ends: crashed, answers: []modeltest.Behaviour{pathology("hangs in the middle of its answer")}},
		131: {name: "the chat begins again", resumes: 130, answers: []modeltest.Behaviour{ends(130, "On."), ends(131, "Good day.")}},
		135: broken,
		150: {name: "a long file", answers: []modeltest.Behaviour{calls("read", `{"path":"long.txt"}`), ends(150, "It is long.")}},
		180: another(180, "encoder-changed", "test-model"),
		183: upgraded,
		188: {name: "/new", ends: commanded},
		192: fallback(192, breaksDown),
		194: broken,
	}
}
