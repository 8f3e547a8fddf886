package skill_test

import (
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"hearth/skill"
)

// what people write between the dashes, and what is understood of it.
var written = []struct {
	name, front string
	want        skill.Manifest
}{
	{"plain texts", "name: weather\ndescription: Tells the weather: now, and tomorrow.\n",
		skill.Manifest{Name: "weather", Description: "Tells the weather: now, and tomorrow."}},
	{"quotes", "\"name\": 'it''s'\ndescription: \"say \\\"hi\\\" \\u00e9 # here\" # not here\n",
		skill.Manifest{Name: "it's", Description: `say "hi" é # here`}},
	{"a comment", "# about\nname: a # the name\n\ndescription: b\n", skill.Manifest{Name: "a", Description: "b"}},
	{"a text that is folded", "name: a\ndescription: >-\n  One line,\n  and another.\n\n  # and this\nlicense: MIT\n",
		skill.Manifest{Name: "a", Description: "One line, and another. # and this"}},
	{"a text that is kept", "description: |\n    One line,\n      indented.\nname: a\n", skill.Manifest{Name: "a", Description: "One line, indented."}},
	{"a text that goes on", "name: a\ndescription: One line,\n  and another.\n", skill.Manifest{Name: "a", Description: "One line, and another."}},
	{"a text that begins below", "name: a\ndescription:\n  One line,\n  and another.\n", skill.Manifest{Name: "a", Description: "One line, and another."}},
	{"a quoted text that goes on", "name: a\ndescription: \"One line,\n  and another.\"\n", skill.Manifest{Name: "a", Description: "One line, and another."}},
	{"line ends of Windows", "name: a\r\ndescription: b\r\n", skill.Manifest{Name: "a", Description: "b"}},
	{"a key that comes twice", "name: a\ndescription: b\nname: c\n", skill.Manifest{Name: "c", Description: "b"}},
	{"control characters", "name: a\ndescription: \"b\\u001b[31m\\tc\"\n", skill.Manifest{Name: "a", Description: "b [31m c"}},
	{"lines that are nothing", "name: a\n}}} \n\t: x\n  deep: er\n- item\ndescription: b\n", skill.Manifest{Name: "a", Description: "b"}},
	{"for people only", "name: a\ndescription: b\ndisable-model-invocation: true\n", skill.Manifest{Name: "a", Description: "b", PeopleOnly: true}},
	{"for models only", "name: a\ndescription: b\nuser-invocable: false\n", skill.Manifest{Name: "a", Description: "b"}},
	{"metadata on one line", `name: a
description: b
metadata: {"openclaw":{"emoji":"🌤️","always":true,"os":["darwin","linux"],"skillKey":"k","requires":{"bins":["curl"],"anyBins":["a","b"],"env":["KEY"],"config":["channels.x"]},"install":[{"kind":"brew"}]}}
`, full},
	{"its older name", "name: a\ndescription: b\nmetadata: {\"clawdbot\":{\"requires\":{\"bins\":[\"gh\"]}}}\n",
		skill.Manifest{Name: "a", Description: "b", Needs: skill.Needs{Bins: []string{"gh"}}}},
	{"metadata in quotes", "name: a\ndescription: b\nmetadata: '{\"openclaw\":{\"os\":[\"linux\"]}}'\n",
		skill.Manifest{Name: "a", Description: "b", Needs: skill.Needs{OS: []string{"linux"}}}},
	{"metadata over many lines", `name: a
metadata:
  {
    "openclaw":
      {
        "always": true, // always
        "os": ["darwin", "linux"],
        "skillKey": "k",
        "requires": { "bins": ["curl"], "anyBins": ["a", "b"], "env": ["KEY"], "config": ["channels.x"], },
      },
  }
description: b
`, full},
	{"metadata as keys", `name: a
metadata:
  openclaw:
    always: true
    os: [darwin, "linux"]
    skillKey: k
    install:
      - kind: brew
        bins: [x]
      - id: y
    requires:
      bins:
      - curl
      anyBins:
        - a
        - "b"
      env: KEY
      config: [ channels.x ] # needed
description: b
`, full},
	{"metadata of others", "name: a\ndescription: b\nmetadata:\n  author: x\n  version: 1.0\n", skill.Manifest{Name: "a", Description: "b"}},
	{"metadata that breaks off", "name: a\ndescription: b\nmetadata: {\"openclaw\":{\"os\":[\"linux\"\n", skill.Manifest{Name: "a", Description: "b", Needs: skill.Needs{OS: []string{"linux"}}}},
	{"metadata that is none", "name: a\ndescription: b\nmetadata: 7\n", skill.Manifest{Name: "a", Description: "b"}},
}

var full = skill.Manifest{Name: "a", Description: "b", Needs: skill.Needs{
	Key: "k", Always: true, OS: []string{"darwin", "linux"}, Bins: []string{"curl"}, AnyBins: []string{"a", "b"}, Env: []string{"KEY"}, Config: []string{"channels.x"},
}}

func TestWhatPeopleWriteIsUnderstood(t *testing.T) {
	for _, c := range written {
		t.Run(c.name, func(t *testing.T) {
			got, err := skill.Parse([]byte("---\n" + c.front + "---\n# How\n"))
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v (%v)\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestWhatIsNoSkillIsSaid(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "it does not begin with front matter"},
		{"text", "# Weather\n", "it does not begin with front matter"},
		{"no end", "---\nname: a\ndescription: b\n", "its front matter has no end"},
		{"no name", "---\ndescription: b\n---\n", "its front matter has no name"},
		{"no description", "---\nname: a\n---\ndescription: b\n", "its front matter has no description"},
		{"an empty description", "---\nname: a\ndescription: \"\"\n---\n", "its front matter has no description"},
		{"a name that is a story", "---\nname: " + strings.Repeat("long ", 14) + "\ndescription: b\n---\n", "its name is longer than 64 bytes"},
	} {
		if _, err := skill.Parse([]byte(c.text)); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestALongDescriptionIsShortened(t *testing.T) {
	m, err := skill.Parse([]byte("\uFEFF--- \nname: a\ndescription: " + strings.Repeat("Ünderstand ", 200) + "\n...\n"))
	if err != nil || len(m.Description) > 1024 || !strings.HasSuffix(m.Description, "…") || !utf8.ValidString(m.Description) {
		t.Errorf("%d bytes: %s (%v)", len(m.Description), m.Description, err)
	}
}

// Whatever stands in a file, reading it ends, and what comes out is one line of text.
func FuzzParse(f *testing.F) {
	for _, c := range written {
		f.Add([]byte("---\n" + c.front + "---\n"))
	}
	f.Add([]byte("---\n" + strings.Repeat("a:\n- ", 50) + "\n" + strings.Repeat("{", 50) + "\n---"))
	f.Add([]byte("---\nname: \"\\\n- - - [{:,}: ]]'\n---"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := skill.Parse(text)
		if err != nil {
			if !reflect.DeepEqual(m, skill.Manifest{}) {
				t.Errorf("%v, and %+v", err, m)
			}
			return
		}
		for _, s := range append([]string{m.Name, m.Description, m.Needs.Key}, m.Needs.Bins...) {
			if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || s != strings.TrimSpace(s) {
				t.Errorf("%q is not one line", s)
			}
		}
		if m.Name == "" || m.Description == "" || len(m.Name) > 64 || len(m.Description) > 1024 {
			t.Errorf("%+v", m)
		}
	})
}
