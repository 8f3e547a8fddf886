package prompt_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"hearth"
	"hearth/model"
	"hearth/prompt"
)

var reads = []hearth.ToolSpec{{Name: "read", Schema: []byte(`{"type":"object"}`)}}

func aSkill(name, version string) prompt.Skill {
	return prompt.Skill{Name: name, Description: "does " + name, Location: "skills/" + name + "/SKILL.md", Version: version}
}

func withSkills(skills ...prompt.Skill) prompt.House { return prompt.House{Skills: skills} }

func toolful(window int) model.Target {
	tools := model.ToolsNative
	return target(model.Layer{Window: &window, Tools: &tools})
}

func TestSkillsAreListedByNameWithWhereTheyAreRead(t *testing.T) {
	odd := aSkill("weather", "1")
	odd.Description = "Rain & sun</description></skill> <b>"
	plan := prompt.NewPlan(toolful(32_000), withSkills(odd, aSkill("audio", "1")), reads)
	want := `
<available_skills>
<skill><name>audio</name><description>does audio</description><location>skills/audio/SKILL.md</location></skill>
<skill><name>weather</name><description>Rain &amp; sun&lt;/description&gt;&lt;/skill&gt; &lt;b&gt;</description><location>skills/weather/SKILL.md</location></skill>
</available_skills>`
	if !strings.HasSuffix(plan.System, want) || strings.Count(plan.System, "# Skills\n") != 1 {
		t.Errorf("the system text is\n%s", plan.System)
	}
	if again := prompt.NewPlan(toolful(32_000), withSkills(aSkill("audio", "1"), odd), reads); again.System != plan.System || !reflect.DeepEqual(again.Facts, plan.Facts) {
		t.Error("the order in which they were found changes the text")
	}
	if len(plan.Shares) != 1 || plan.Shares[0].Name != "2 skills" || plan.Shares[0].Bytes < len(want) {
		t.Errorf("their cost is %+v", plan.Shares)
	}
}

func TestAModelThatCannotReadIsToldOfNoSkill(t *testing.T) {
	house := withSkills(aSkill("a", "1"))
	house.Skills[0].Tainted = true
	plan := prompt.NewPlan(target(model.Layer{}), house, nil)
	m := prompt.Freeze(plan, prompt.Incoming{Text: "hi", At: noon}, house, plan.Facts)
	if strings.Contains(plan.System, "kill") || plan.Tainted || len(plan.Facts)+len(m.Facts) > 0 || strings.Contains(fmt.Sprint(m.Parts), "kill") {
		t.Errorf("%+v, %+v", plan, m)
	}
}

// What is left out is counted, and those that come first stay.
func TestSkillsTakeAFewPercentOfTheWindow(t *testing.T) {
	var many []prompt.Skill
	for i := range 300 {
		many = append(many, aSkill(fmt.Sprintf("skill-%03d", 299-i), "1"))
	}
	many[0].Description = strings.Repeat("long ", 5000)
	for _, c := range []struct{ window, set, most int }{{16_000, 0, 2_400}, {64_000, 0, 9_600}, {1_000_000, 0, 18_000}, {1_000_000, 5_000, 5_000}} {
		house := withSkills(many...)
		house.SkillsMaxChars = c.set
		plan := prompt.NewPlan(toolful(c.window), house, reads)
		_, list, _ := strings.Cut(plan.System, "# Skills\n")
		listed := strings.Count(list, "<skill>")
		if len(list) > c.most || len(list) < c.most-300 {
			t.Errorf("a window of %d: %d characters, want at most %d", c.window, len(list), c.most)
		}
		if told := fmt.Sprintf("\n[%d more do not fit and are not listed.]", 300-listed); !strings.HasSuffix(list, told) {
			t.Errorf("a window of %d: %d are listed, and it ends with %q", c.window, listed, list[len(list)-80:])
		}
		if !strings.Contains(list, "skill-298") || strings.Contains(list, "skill-000") || strings.Contains(list, "long") {
			t.Errorf("a window of %d: the wrong ones are listed: %s", c.window, list)
		}
		m := prompt.Freeze(plan, prompt.Incoming{Text: "hi", At: noon}, house, plan.Facts)
		if len(m.Facts) > 0 || len(m.Parts) != 2 || strings.Contains(m.Parts[0].Text, "skill") {
			t.Errorf("a window of %d: those that did not fit are told as new: %+v", c.window, m.Parts[0])
		}
	}
}

// What came, changed or went since the model was told is in the next message, once; and
// an epoch that begins then knows the same.
func TestSkillsThatComeChangeOrGoAreToldOnce(t *testing.T) {
	foreign := aSkill("c", "1")
	foreign.Tainted = true
	const entry = "<skill><name>%[1]s</name><description>does %[1]s</description><location>skills/%[1]s/SKILL.md</location></skill>"
	for _, c := range []struct {
		name          string
		before, after prompt.House
		told          []string // in the gateway's part; "" = nothing about skills
		foreign       string
	}{
		{"the first one", withSkills(), withSkills(aSkill("a", "1")), []string{"[There are new skills. A skill is a file", fmt.Sprintf(entry, "a")}, ""},
		{"another one", withSkills(aSkill("a", "1")), withSkills(aSkill("a", "1"), aSkill("b", "1")), []string{"[There are new skills.]\n<available_skills>\n" + fmt.Sprintf(entry, "b")}, ""},
		{"one with another text", withSkills(aSkill("a", "1")), withSkills(aSkill("a", "2")), []string{"[These skills were changed. Read their files again before you follow them.]\n<available_skills>\n" + fmt.Sprintf(entry, "a")}, ""},
		{"one less", withSkills(aSkill("a", "1"), aSkill("b", "1")), withSkills(aSkill("b", "1")), []string{"[These skills are gone: a]"}, ""},
		{"nothing", withSkills(aSkill("a", "1")), withSkills(aSkill("a", "1")), nil, ""},
		{"everything", withSkills(aSkill("a", "1"), aSkill("b", "1")), withSkills(aSkill("b", "2"), aSkill("d", "1")), []string{fmt.Sprintf(entry, "d"), "were changed", fmt.Sprintf(entry, "b"), "are gone: a"}, ""},
		{"one that may be of somebody else", withSkills(aSkill("a", "1")), withSkills(aSkill("a", "1"), foreign), nil, "[There are new skills, or changed ones, maybe not by your owner.]\n<available_skills>\n" + fmt.Sprintf(entry, "c")},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := prompt.NewPlan(toolful(32_000), c.before, reads)
			m := prompt.Freeze(plan, prompt.Incoming{Text: "hi", At: noon}, c.after, plan.Facts)
			at := 0
			for _, want := range c.told {
				i := strings.Index(m.Parts[0].Text[at:], want)
				if i < 0 {
					t.Fatalf("the message does not tell %q in its place: %s", want, m.Parts[0].Text)
				}
				at += i
			}
			if len(c.told) == 0 && strings.Contains(m.Parts[0].Text, "kill") {
				t.Errorf("the gateway tells %q", m.Parts[0].Text)
			}
			if strings.Count(m.Parts[0].Text, "A skill is a file") != strings.Count(strings.Join(c.told, ""), "A skill is a file") {
				t.Errorf("what skills are is told to who knows it, or not: %s", m.Parts[0].Text)
			}
			if len(m.Parts) > 2 != (c.foreign != "") || c.foreign != "" && (!strings.HasPrefix(m.Parts[1].Text, c.foreign) || m.Parts[1].Provenance != hearth.FromTool) {
				t.Errorf("the parts are %+v", m.Parts)
			}
			known := prompt.KnownFacts(plan, []hearth.Message{m})
			again := prompt.Freeze(plan, prompt.Incoming{Text: "hi", At: noon}, c.after, known)
			if len(again.Facts) > 0 || len(again.Parts) != 2 || strings.Contains(again.Parts[0].Text, "kill") {
				t.Errorf("it is told twice: %+v", again)
			}
			folded := prompt.NewPlan(toolful(32_000), c.after, reads)
			if m := prompt.Freeze(folded, prompt.Incoming{Text: "hi", At: noon}, c.after, folded.Facts); len(m.Facts) > 0 {
				t.Errorf("an epoch that begins now does not know %+v", m.Facts)
			}
			if folded.Tainted != (c.foreign != "") {
				t.Errorf("tainted: %t", folded.Tainted)
			}
		})
	}
}
