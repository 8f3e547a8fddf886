package skill_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"hearth/skill"
)

func TestASkillIsOfUseWhereWhatItNeedsIsThere(t *testing.T) {
	has := func(names string) func(string) bool {
		return func(name string) bool { return strings.Contains(" "+names+" ", " "+name+" ") }
	}
	host := skill.Host{OS: "linux", Program: has("curl jq"), Env: has("KEY"), Config: has("channels.x")}
	for _, c := range []struct {
		name  string
		needs skill.Needs
		lacks string
	}{
		{"nothing", skill.Needs{}, ""},
		{"this system", skill.Needs{OS: []string{"darwin", "linux"}}, ""},
		{"another", skill.Needs{OS: []string{"darwin"}}, "another system"},
		{"another, always", skill.Needs{OS: []string{"darwin"}, Always: true}, "another system"},
		{"programs", skill.Needs{Bins: []string{"curl", "jq"}}, ""},
		{"a program that is not there", skill.Needs{Bins: []string{"curl", "gh"}}, "the program gh"},
		{"one of two programs", skill.Needs{AnyBins: []string{"gh", "jq"}}, ""},
		{"one of two that are not there", skill.Needs{AnyBins: []string{"gh", "glab"}}, "one of its programs"},
		{"a variable", skill.Needs{Env: []string{"KEY"}}, ""},
		{"a variable that is not set", skill.Needs{Env: []string{"KEY", "TOKEN"}}, "the variable TOKEN"},
		{"a setting", skill.Needs{Config: []string{"channels.x"}}, ""},
		{"a setting that is not there", skill.Needs{Config: []string{"channels.y"}}, "the setting channels.y"},
		{"much, always", skill.Needs{Bins: []string{"gh"}, AnyBins: []string{"glab"}, Env: []string{"TOKEN"}, Config: []string{"channels.y"}, Always: true}, ""},
	} {
		if got := host.Lacks(c.needs); got != c.lacks {
			t.Errorf("%s: lacks %q, want %q", c.name, got, c.lacks)
		}
	}
}

func TestTheFirstOfANameCountsAndTheOwnerDecides(t *testing.T) {
	made := func(base, name string, change func(*skill.Manifest)) skill.Skill {
		s := skill.Skill{Manifest: skill.Manifest{Name: name, Description: "does it"}, Base: base}
		if change != nil {
			change(&s.Manifest)
		}
		return s
	}
	found := []skill.Skill{
		made("ws", "a", nil), made("ws", "b", func(m *skill.Manifest) { m.Needs.OS = []string{"win32"} }),
		made("ws", "c", func(m *skill.Manifest) { m.PeopleOnly = true }), made("ws", "d", func(m *skill.Manifest) { m.Needs.Key = "the-d" }),
		made("home", "a", nil), made("home", "b", nil), made("home", "c", nil), made("home", "e", nil),
	}
	off := func(keys ...string) func(string) bool {
		return func(key string) bool { return slices.Contains(keys, key) }
	}
	for _, c := range []struct {
		name  string
		rules skill.Rules
		want  []string
	}{
		{"no word", skill.Rules{}, []string{"ws a", "ws d", "home e"}},
		{"one is off", skill.Rules{Off: off("a")}, []string{"ws d", "home e"}},
		{"one is off by its key", skill.Rules{Off: off("the-d")}, []string{"ws a", "home e"}},
		{"some only", skill.Rules{Only: []string{"e", "a", "x"}}, []string{"ws a", "home e"}},
		{"none", skill.Rules{Only: []string{}}, nil},
	} {
		var got []string
		for _, s := range skill.Choose(found, skill.Host{OS: "linux"}, c.rules) {
			got = append(got, s.Base+" "+s.Name)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
