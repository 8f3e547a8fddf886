package model

// A Lesson names something a server refused that we can say another way. Only exact
// rows of the error corpus teach one; anything else is just a bad request.
type Lesson string

// The lessons.
const (
	LessonStringContent   Lesson = "string-content"    // messages[].content must be a string
	LessonNoDeveloperRole Lesson = "no-developer-role" // system text must not use the developer role
	LessonOneSystem       Lesson = "one-system"        // a second system message is refused
	LessonAlternate       Lesson = "alternate-roles"   // user and assistant must alternate
	LessonNoStreamOptions Lesson = "no-stream-options" // stream_options is refused
	LessonStrictKeys      Lesson = "strict-keys"       // message objects may hold only role and content
	LessonDropField       Lesson = "drop-field"        // Detail: the body field to leave out
	LessonDropKeyword     Lesson = "drop-keyword"      // Detail: the JSON Schema keyword to leave out
	LessonMaxTokensField  Lesson = "max-tokens-field"  // Detail: the field the server wants
	LessonReasoningBack   Lesson = "reasoning-back"    // assistant messages must hold the reasoning that led to them
	LessonSignedCalls     Lesson = "signed-calls"      // a call without its signature is refused
	LessonNoImages        Lesson = "no-images"         // the server takes no pictures; held for the conversation, never saved
	LessonNoTools         Lesson = "no-tools"          // the model cannot be given tools; held for the epoch, never saved
)

// A Refusal is a server's deterministic no that names what to change. A protocol puts
// it in the chain of a *hearth.Error with ReasonBadRequest (ReasonToolsRefused for
// LessonNoTools); route rebuilds the request once and keeps the lesson only if that
// was answered.
type Refusal struct {
	Lesson Lesson
	Detail string
	Words  string // the server's own
}

// Error gives the server's own words.
func (r *Refusal) Error() string { return r.Words }

// Teach returns the layer that a refusal adds to what is known of the server.
func (r *Refusal) Teach() Layer {
	yes, no := true, false
	switch r.Lesson {
	case LessonStringContent:
		return Layer{StringContent: &yes}
	case LessonNoDeveloperRole:
		return Layer{DeveloperRole: &no}
	case LessonAlternate:
		return Layer{AlternateRoles: &yes}
	case LessonOneSystem:
		return Layer{OneSystem: &yes}
	case LessonNoStreamOptions:
		return Layer{StreamUsage: &no}
	case LessonStrictKeys:
		return Layer{StrictKeys: &yes}
	case LessonDropField:
		return Layer{RefusedFields: []string{r.Detail}}
	case LessonDropKeyword:
		return Layer{RefusedKeywords: []string{r.Detail}}
	case LessonMaxTokensField:
		return Layer{MaxTokensField: &r.Detail}
	case LessonReasoningBack:
		return Layer{NeedsReasoning: &yes}
	case LessonSignedCalls:
		return Layer{SignedCalls: &yes}
	case LessonNoImages:
		return Layer{ImagesRefused: &yes}
	case LessonNoTools:
		none := ToolsNone
		return Layer{Tools: &none}
	}
	return Layer{}
}
