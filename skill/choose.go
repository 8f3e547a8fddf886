package skill

import "slices"

// A Host is where skills are to be used. It is asked and changes nothing.
type Host struct {
	OS      string                 // as Needs.OS has it
	Program func(name string) bool // whether it can be run
	Env     func(name string) bool // whether a variable is set
	Config  func(path string) bool // whether the config holds something there
}

// Rules is what the owner says of skills.
type Rules struct {
	Off  func(key string) bool // nil: none is
	Only []string              // names of those to use; nil means all, empty none
}

// Choose gives the skills that are of use on a host, in the order in which they were
// found. Of several with one name the first counts, also where it is of no use itself:
// whoever puts one in the place that comes first means to replace the other.
func Choose(found []Skill, host Host, rules Rules) []Skill {
	var out []Skill
	seen := map[string]bool{}
	for i := range found {
		s := &found[i]
		if seen[s.Name] {
			continue
		}
		seen[s.Name] = true
		if !s.PeopleOnly && rules.allow(s) && host.Lacks(s.Needs) == "" {
			out = append(out, *s)
		}
	}
	return out
}

func (r Rules) allow(s *Skill) bool {
	key := s.Needs.Key
	if key == "" {
		key = s.Name
	}
	return (r.Off == nil || !r.Off(key)) && (r.Only == nil || slices.Contains(r.Only, s.Name))
}

// Lacks says what a host lacks of what a skill needs; "" means nothing.
func (h Host) Lacks(n Needs) string {
	if len(n.OS) > 0 && !slices.Contains(n.OS, h.OS) {
		return "another system"
	}
	if n.Always {
		return ""
	}
	for _, need := range []struct {
		what  string
		names []string
		has   func(string) bool
	}{{"the program ", n.Bins, h.Program}, {"the variable ", n.Env, h.Env}, {"the setting ", n.Config, h.Config}} {
		for _, name := range need.names {
			if !need.has(name) {
				return need.what + name
			}
		}
	}
	if len(n.AnyBins) > 0 && !slices.ContainsFunc(n.AnyBins, h.Program) {
		return "one of its programs"
	}
	return ""
}
