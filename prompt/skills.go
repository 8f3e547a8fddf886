package prompt

import (
	"fmt"
	"slices"
	"strings"

	"hearth"
)

// A Skill is a file that says how something is done, as the model is told of it: what it is
// for, and where it is read. Tainted says that somebody other than the owner may have
// written a part of it.
type Skill struct {
	Name, Description string
	Location          string // as the tool read takes it
	Version           string // changes with the file
	Tainted           bool
}

const (
	defaultSkillsMaxChars = 18_000 // as OpenClaw's
	// skillsShareOfWindow is the most of the window that the list of skills may take.
	skillsShareOfWindow = 0.05
)

// skillsText precedes a list of skills where the model is told of any for the first time.
const skillsText = `A skill is a file in which your owner wrote down how something is done. Before a task that one of these fits, read its file with the tool read, and follow it; leave the others alone. Paths in it are relative to the folder it is in, which is also what {baseDir} means there.`

// skillPrefix marks the facts that are versions of skills.
const skillPrefix = "skill:"

// skillsBudget is how many characters a list of skills may have.
func skillsBudget(h House, p *Plan) int {
	budget := orDefault(h.SkillsMaxChars, defaultSkillsMaxChars)
	if share := int(skillsShareOfWindow * float64(p.Window) * roughCharsPerToken); p.Window > 0 && share < budget {
		budget = share
	}
	return budget
}

// skillsFor gives the skills that a model is told of: none where it has no tool to read them.
func skillsFor(h House, p *Plan) []Skill {
	if len(p.Tools) == 0 {
		return nil
	}
	return h.Skills
}

// systemSkills gives the part of the system text about skills, the versions of all of
// them, and how many are not in it, because they did not fit.
func systemSkills(h House, p *Plan) (text string, facts []hearth.Fact, left int) {
	skills := skillsFor(h, p)
	if len(skills) == 0 {
		return "", nil, 0
	}
	for _, s := range skills {
		facts = append(facts, skillFact(s))
	}
	slices.SortFunc(facts, func(a, b hearth.Fact) int { return strings.Compare(a.Name, b.Name) })
	list, left := listSkills(skills, skillsBudget(h, p)-len(skillsText))
	return "# Skills\n" + skillsText + "\n" + list, facts, left
}

func skillFact(s Skill) hearth.Fact {
	return hearth.Fact{Name: skillPrefix + s.Name, Hash: hashText(s.entry() + s.Version)}
}

// entry is how a skill is listed. Its own words cannot end it.
func (s Skill) entry() string {
	return "<skill><name>" + xmlText.Replace(s.Name) + "</name><description>" + xmlText.Replace(s.Description) +
		"</description><location>" + xmlText.Replace(s.Location) + "</location></skill>\n"
}

var xmlText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// listSkills lists skills by name. Where there is not room for all, the first ones given
// are kept, and the others counted.
func listSkills(skills []Skill, maxChars int) (list string, left int) {
	const begin, end = "<available_skills>\n", "</available_skills>"
	const more = "\n[%d more do not fit and are not listed.]"
	maxChars -= len(begin) + len(end) + len(more)
	var kept []Skill
	for _, s := range skills {
		n := len(s.entry())
		if n > maxChars {
			left++
			continue
		}
		maxChars -= n
		kept = append(kept, s)
	}
	slices.SortStableFunc(kept, func(a, b Skill) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	b.WriteString(begin)
	for _, s := range kept {
		b.WriteString(s.entry())
	}
	b.WriteString(end)
	if left > 0 {
		fmt.Fprintf(&b, more, left)
	}
	return b.String(), left
}

// A skillsNote is what a message tells of skills that came, changed or went: own, and
// foreign of those that may not be the owner's. Either is empty where there is nothing to
// tell. facts are the versions told.
type skillsNote struct {
	own, foreign string
	facts        []hearth.Fact
}

// changedSkills compares the skills there are with those that a model knows.
func changedSkills(p *Plan, h House, known []hearth.Fact) skillsNote {
	var note skillsNote
	var came, edited, foreign []Skill
	skills := skillsFor(h, p)
	for _, s := range skills {
		fact, told := skillFact(s), factHash(known, skillPrefix+s.Name)
		if told == fact.Hash {
			continue
		}
		note.facts = append(note.facts, fact)
		switch {
		case s.Tainted:
			foreign = append(foreign, s)
		case told == "":
			came = append(came, s)
		default:
			edited = append(edited, s)
		}
	}
	gone := goneSkills(skills, known)
	for _, name := range gone {
		note.facts = append(note.facts, hearth.Fact{Name: skillPrefix + name})
	}
	slices.SortFunc(note.facts, func(a, b hearth.Fact) int { return strings.Compare(a.Name, b.Name) })

	intro := ""
	if !slices.ContainsFunc(known, func(k hearth.Fact) bool { return strings.HasPrefix(k.Name, skillPrefix) }) {
		intro = " " + skillsText
	}
	budget := skillsBudget(h, p)
	var own []string
	if len(came) > 0 {
		own, intro = append(own, skillsChanged("There are new skills."+intro, came, budget)), ""
	}
	if len(edited) > 0 {
		own = append(own, skillsChanged("These skills were changed. Read their files again before you follow them.", edited, budget))
	}
	if len(gone) > 0 {
		own = append(own, "[These skills are gone: "+named(gone)+"]")
	}
	note.own = strings.Join(own, "\n")
	if len(foreign) > 0 {
		note.foreign = skillsChanged("There are new skills, or changed ones, maybe not by your owner."+intro, foreign, budget)
	}
	return note
}

func skillsChanged(what string, skills []Skill, budget int) string {
	list, _ := listSkills(skills, budget)
	return "[" + what + "]\n" + list
}

// goneSkills gives the names that are known and of no skill any more.
func goneSkills(skills []Skill, known []hearth.Fact) []string {
	var gone []string
	for _, k := range known {
		name, ok := strings.CutPrefix(k.Name, skillPrefix)
		if ok && k.Hash != "" && !slices.ContainsFunc(skills, func(s Skill) bool { return s.Name == name }) {
			gone = append(gone, name)
		}
	}
	slices.Sort(gone)
	return gone
}

// named lists names for a bracketed line, and counts those that are too many for it.
func named(names []string) string {
	const most = 20
	var b strings.Builder
	for i, name := range names {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(names)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(oneLine(name))
	}
	return b.String()
}
