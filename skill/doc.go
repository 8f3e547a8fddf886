// Package skill finds the skills of an agent: folders with a SKILL.md, which says in its
// front matter what the skill is for, and in its text how it is done. A model is told the
// former, and reads the latter when a task fits. Nothing of a skill is run.
//
// The layout, the front matter and the order of the places are OpenClaw's, so that the
// skills people have work unchanged.
package skill
