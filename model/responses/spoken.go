package responses

import (
	"encoding/json"
	"strings"

	"hearth/model"
)

// commentary is the phase of a message that is no part of the answer: what the model says
// on its way there (https://platform.openai.com/docs/api-reference/responses, "phase").
const commentary = "commentary"

// spoken follows what the messages of one answer say. Their ids tell nothing: some proxies
// change them with each event.
type spoken struct {
	index   *model.Count           // of the message at hand among the output
	phases  map[model.Count]string // of messages that were announced, by index
	phase   string                 // of the message at hand
	spoke   bool                   // the message at hand said something
	count   int                    // messages that said something
	whole   int                    // messages that were said to be whole, with a text
	text    bool                   // something is part of the answer
	aside   strings.Builder        // what the commentary says
	thought string                 // whose thinking came last: reasoning's or commentary's
}

// begin is called for a message that is announced.
func (s *spoken) begin(index *model.Count, phase string) {
	if index != nil && len(s.phases) < mostItems {
		if s.phases == nil {
			s.phases = make(map[model.Count]string)
		}
		s.phases[*index] = phase
	}
	s.index, s.phase, s.spoke = index, phase, false
}

// piece gives a piece of a message's text as what it is. Between two messages of an answer
// stands an empty line.
func (s *spoken) piece(index *model.Count, text string) []model.Delta {
	if text == "" {
		return nil
	}
	if index != nil && s.index != nil && *index != *s.index {
		s.begin(index, s.phases[*index])
	}
	if index != nil {
		s.index = index
	}
	first := !s.spoke
	if first {
		s.spoke = true
		s.count++
	}
	if s.phase == commentary {
		if first && s.aside.Len() > 0 {
			s.aside.WriteString(gap)
		}
		s.aside.WriteString(text)
		return []model.Delta{s.think(commentary, text, first)}
	}
	if first && s.text {
		text = gap + text
	}
	s.text = true
	return []model.Delta{{Text: text}}
}

// gap parts what belongs to two items.
const gap = "\n\n"

// think gives thinking, parted from what came before where that was something else.
func (s *spoken) think(whose, text string, first bool) model.Delta {
	if s.thought != "" && (s.thought != whose || whose == commentary && first) {
		text = gap + text
	}
	s.thought = whose
	return model.Delta{Thinking: text}
}

// complete gives the text of a message that is whole, where it was not said before.
// Messages are told apart by their place among those that say something.
func (s *spoken) complete(place int, i *item) []model.Delta {
	text := joined(i.Content)
	if text == "" || place <= s.count {
		return nil
	}
	s.begin(nil, i.Phase)
	return s.piece(nil, text)
}

// last gives what an answer says that consists of nothing but commentary: better that than
// nothing.
func (s *spoken) last() []model.Delta {
	if s.text || s.aside.Len() == 0 {
		return nil
	}
	s.text = true
	return []model.Delta{{Text: s.aside.String()}}
}

// phaseOf is kept with an answer to tell its phase, for which its text has no place.
type phaseOf struct {
	Type  string `json:"type"`
	Phase string `json:"phase"`
}

const phaseType = "phase"

// keep gives what has to be kept of a whole message so that it can be sent back: commentary
// as it came, of the answer its phase. Models that know phases write worse without them.
func keep(i *item) []model.Delta {
	switch i.Phase {
	case "":
		return nil
	case commentary:
		return []model.Delta{{Opaque: i.raw}}
	}
	b, err := json.Marshal(phaseOf{phaseType, i.Phase})
	if err != nil {
		return nil // strings always can
	}
	return []model.Delta{{Opaque: b}}
}
