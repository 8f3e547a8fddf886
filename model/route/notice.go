package route

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hearth"
	"hearth/model"
)

// lane names the requests of one session to one model.
type lane struct {
	session hearth.SessionID
	ref     hearth.ModelRef
}

// sent is what the newest request of a lane held, which server got it, and how many tokens
// it counted; 0 where its count may leave out what it had cached.
type sent struct {
	prefix string
	items  int
	tokens int
	bytes  int
	origin string
}

// mostLanes bounds what is remembered; beyond it, everything is forgotten at once,
// which costs one comparison for each session.
const mostLanes = 1024

// notices tells what the person should know of a whole answer.
func (a *attempt) notices(ctx context.Context, req *model.Request) {
	if a.tries.target.Refused != nil {
		a.lesson(ctx)
	}
	a.otherName(req)
	switch a.report.Stop {
	case hearth.StopLength:
		a.length(req)
	case hearth.StopFiltered:
		a.run.notice("filtered", "the server's content filter ended the answer before the model did")
	default:
	}
	a.truncated(req)
}

// lesson keeps what was learned, now that it was answered, and says it.
func (a *attempt) lesson(ctx context.Context) {
	r, refused := a.run, a.tries.target.Refused
	a.tries.target.Refused = nil
	if refused.Lesson == model.LessonNoTools {
		r.notice("lesson", "%s cannot be given tools (%s); it answers without them for now", a.tries.target.Ref, refused.Words)
		return
	}
	if refused.Lesson == model.LessonNoImages {
		r.notice("lesson", "%s takes no images (%s); they are left out, and it is told so", a.tries.target.Ref, refused.Words)
		return
	}
	a.report.Lesson = strings.TrimSpace(string(refused.Lesson) + " " + refused.Detail)
	kept := "this is remembered"
	if r.cfg.Learn == nil {
		kept = "this is remembered until Hearth ends"
	} else if err := r.cfg.Learn(ctx, a.tries.target, refused); err != nil {
		kept = "this could not be saved: " + err.Error()
	}
	r.notice("lesson", "%s %s; %s", a.tries.target.Endpoint.Origin, learned(refused), kept)
}

// learned says a lesson in words that fit behind the server's address.
func learned(r *model.Refusal) string {
	switch r.Lesson {
	case model.LessonStringContent:
		return "takes message content only as plain text"
	case model.LessonNoDeveloperRole:
		return "does not know the developer role"
	case model.LessonOneSystem:
		return "takes one system message only"
	case model.LessonAlternate:
		return "wants user and assistant messages to alternate"
	case model.LessonNoStreamOptions:
		return "refuses stream_options, so it will not count tokens while streaming"
	case model.LessonStrictKeys:
		return "takes only role and content in a message"
	case model.LessonReasoningBack:
		return "wants a model's reasoning back with the answer it led to"
	case model.LessonSignedCalls:
		return "wants the signature of each call, and is told of calls that have none"
	case model.LessonDropField:
		return fmt.Sprintf("refuses the field %q, which is now left out", r.Detail)
	case model.LessonDropKeyword:
		return fmt.Sprintf("refuses %q in tool schemas, which is now left out", r.Detail)
	case model.LessonMaxTokensField:
		return fmt.Sprintf("wants the output limit in %q", r.Detail)
	default:
		return "refused the request (" + r.Words + ") and took it in another form"
	}
}

// otherName tells, once for each name, that another model answered than the one that was
// asked, or that the server does not list the one that was asked.
func (a *attempt) otherName(req *model.Request) {
	t := a.tries.target
	listed := a.run.listed(t)
	other := a.answered != "" && !SameModel(req.Model, a.answered)
	if !other && (len(listed) == 0 || slices.Contains(listed, req.Model)) {
		return // as nearly always; the search below looks at every model of a long list
	}
	if other {
		a.report.Answered = a.answered
	}
	near := Nearest(req.Model, listed)
	var text string
	switch {
	case other:
		text = fmt.Sprintf("asked for %s, but %s says that %s answered", req.Model, t.Endpoint.Written(), a.answered)
	case len(listed) > 0 && (near == "" || !SameModel(near, req.Model)):
		text = fmt.Sprintf("%s does not list a model called %s, but something answered", t.Endpoint.Written(), req.Model)
	default:
		return
	}
	if near != "" && !SameModel(near, req.Model) && !(other && SameModel(near, a.answered)) {
		text += "; the nearest model it lists is " + near
	} else if near == "" && !other {
		text += "; it lists " + Some(listed)
	}
	tell, last := a.run.otherwise(t.Endpoint.Origin+" "+req.Model, plain(a.answered))
	if last {
		text += "; it gave other names before, and no more of them are told"
	}
	if tell {
		a.run.notice("other_model", "%s", text)
	}
}

// mostNames is how many names are told that a server gives in place of a model's. They are
// its own words, and may be others with each answer.
const mostNames = 3

// otherwise reports whether a name is to be told that a server gives in place of a model's,
// and whether it is the last one. What a chore is told, nobody may have read.
func (r *run) otherwise(asked, name string) (tell, last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	told := r.told[asked]
	if len(told) >= mostNames || slices.Contains(told, name) {
		return false, false
	}
	if !r.chore() {
		r.told[asked] = append(told, name)
	}
	return true, len(told) == mostNames-1
}

// explain adds to an error what only we know.
func (a *attempt) explain(err error) error {
	e, ok := errors.AsType[*hearth.Error](err)
	if !ok || e.Reason != hearth.ReasonModelNotFound {
		return err
	}
	ref, listed := a.tries.target.Ref, a.run.listed(a.tries.target)
	near := Nearest(ref.Model, listed)
	out := *e
	switch {
	case len(listed) == 0 || SameModel(near, ref.Model):
		return err // it is listed all the same: the server's own words say more
	case near == "":
		out.Try = fmt.Sprintf("The server lists %s: write %s/ and one of them.", Some(listed), ref.Provider)
	default:
		out.Try = fmt.Sprintf("The server lists %s: write %s/%s.", near, ref.Provider, near)
	}
	return &out
}

// listed gives the ids that the target's server is known to have.
func (r *Router) listed(t model.Target) []string {
	if r.cfg.Listed == nil {
		return nil
	}
	return r.cfg.Listed(t)
}

// length tells that an answer was cut off, and which setting did it.
func (a *attempt) length(req *model.Request) {
	provider, id := a.tries.target.Ref.Provider, a.tries.target.Ref.Model
	written := a.report.Usage.Output
	switch {
	case a.full:
		a.run.notice("length", "the answer was cut off because %s is full: try /compact, or %s", windowOf(req, "the context window"), windowSetting(req.Capabilities.Server))
	case a.windowLeftLittle(req):
		a.run.notice("length", "the answer was cut off at %d tokens, for the context window of %s has no room for more: try /compact, or %s", req.Left, id, windowSetting(req.Capabilities.Server))
	case req.MaxTokens > 0 && (written == 0 || written >= req.MaxTokens):
		a.run.notice("length", "the answer was cut off at the output limit of %d tokens: raise maxTokens of %s in models.providers.%s", req.MaxTokens, id, provider)
	case a.windowIsFull(req):
		a.run.notice("length", "the answer was cut off because the context window of %d tokens is full: try /compact, or %s", req.Capabilities.InForce(), windowSetting(req.Capabilities.Server))
	default:
		a.run.notice("length", "the answer was cut off by the server's own output limit: set maxTokens of %s in models.providers.%s", id, provider)
	}
}

// windowLeftLittle reports whether an answer ended at a limit that was lowered to what the
// window had room for.
func (a *attempt) windowLeftLittle(req *model.Request) bool {
	written := a.report.Usage.Output
	return req.Left > 0 && (written >= req.Left || written == 0 && req.MaxTokens > req.Left)
}

func (a *attempt) windowIsFull(req *model.Request) bool {
	u := a.report.Usage
	return a.full || req.Capabilities.WindowKnown && u.Input > 0 && (u.Input+u.Output)*100 >= req.Capabilities.InForce()*97
}

// windowOf names the window, with its size where that is known.
func windowOf(req *model.Request, name string) string {
	if !req.Capabilities.WindowKnown {
		return name
	}
	return fmt.Sprintf("%s of %d tokens", name, req.Capabilities.InForce())
}

// truncated tells when the server read less than was sent: it cut the conversation
// without saying so. Only counts that include cached tokens can show that.
func (a *attempt) truncated(req *model.Request) {
	read := a.report.Usage.Input
	if !a.report.Usage.CacheCounted && !req.Capabilities.CachedCounted {
		read = 0
	}
	told := a.cutAway(req, read)
	if told == "" || !a.run.chore() { // else the person's next request is the one to tell by
		a.run.remember(a.lane(), sent{a.report.Prefix, a.report.Items, read, a.bytes, a.tries.target.Endpoint.Origin})
	}
	if told != "" {
		a.run.notice("truncated", "%s; %s", told, windowSetting(req.Capabilities.Server))
	}
}

// cutAway says, of a request of which so many tokens were read, what shows that others were
// not; "" is nothing.
func (a *attempt) cutAway(req *model.Request, read int) string {
	if read == 0 {
		return ""
	}
	switch wordsSent := countWords(req); {
	case read < wordsSent:
		return fmt.Sprintf("the server read %d tokens of a conversation of at least %d words: it cut a part away without saying so", read, wordsSent)
	case a.extends && read < a.before.tokens && !req.Capabilities.ReplayThinking:
		return fmt.Sprintf("the server read %d tokens, fewer than the %d before, though the conversation grew: it cut a part away without saying so", read, a.before.tokens)
	default:
		return ""
	}
}

func (a *attempt) lane() lane { return lane{a.run.q.Session, a.tries.target.Ref} }

func (r *Router) before(key lane) sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last[key]
}

func (r *Router) remember(key lane, now sent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.last) >= mostLanes {
		clear(r.last)
	}
	r.last[key] = now
}

// countWords counts what the person, the tools and the model wrote: a server that read
// it all read at least as many tokens. Thinking is left out, because templates drop it.
func countWords(req *model.Request) int {
	n := wordCount(req.System)
	for i := range req.Messages {
		m := &req.Messages[i]
		n += req.Encoded.Words(m.ID, func() int { return wordsOf(m) })
	}
	return n
}

func wordsOf(m *hearth.Message) (n int) {
	for i := range m.Parts {
		n += wordCount(m.Parts[i].Text)
		if r := m.Parts[i].Result; r != nil {
			n += wordCount(r.Text)
		}
	}
	return n
}

// wordCount counts runs of anything but white space, without making anything of them.
func wordCount(s string) (n int) {
	for range strings.FieldsSeq(s) {
		n++
	}
	return n
}

// windowSetting says where a server's window is set.
func windowSetting(server string) string {
	switch server {
	case "ollama":
		return "raise num_ctx (params.num_ctx of the provider, or OLLAMA_CONTEXT_LENGTH)"
	case "lmstudio":
		return "load the model with a larger context length in LM Studio"
	case "llama.cpp":
		return "start llama-server with a larger -c"
	case "vllm":
		return "start vLLM with a larger --max-model-len"
	case "sglang":
		return "start SGLang with a larger --context-length"
	default:
		return "load the model with a larger context window"
	}
}

// emptiness is the error of an answer without a word and without a call.
func (a *attempt) emptiness(req *model.Request) error {
	e := &hearth.Error{Op: "ask " + a.tries.target.Ref.String(), Reason: hearth.ReasonEmpty}
	usage := a.report.Usage
	switch full := a.windowIsFull(req); {
	case full && a.thought && usage.Output > usage.Input:
		e.Err = fmt.Errorf("the model thought until %s was full, and never answered", windowOf(req, "its window"))
		e.Cause = fmt.Sprintf("Its reasoning took %d tokens, the conversation %d.", usage.Output, usage.Input)
		e.Try = "Turn thinking down or off (--thinking low or off), or " + windowSetting(req.Capabilities.Server) + "."
		a.tries.empty = true // it took as long as it could
	case full:
		e.Reason = hearth.ReasonContextOverflow
		e.Err = fmt.Errorf("the server read %d tokens and had no room left to answer in %s", usage.Input, windowOf(req, "its window"))
		e.Cause = "The conversation fills the model's context window."
		e.Try = "Try /compact, or " + windowSetting(req.Capabilities.Server) + "."
	case a.report.Stop == hearth.StopLength && a.windowLeftLittle(req) && a.report.Usage.Input > req.Left:
		e.Reason = hearth.ReasonContextOverflow
		e.Err = &model.Overflow{Answered: true, Words: fmt.Sprintf("the conversation left %d tokens of the window for the answer, and it ended there before its first word", req.Left)}
		e.Cause = "The conversation fills the model's context window."
		e.Try = "Try /compact, or " + windowSetting(req.Capabilities.Server) + "."
	case a.report.Stop == hearth.StopLength && a.thought:
		e.Err = errors.New("the model used its whole output limit to think")
		e.Cause = "The output limit ended the answer before its first word."
		e.Try = fmt.Sprintf("Raise maxTokens of %s, or turn thinking down (--thinking low or off).", a.tries.target.Ref.Model)
		a.tries.empty = true // the same limit would end it again
	case a.report.Stop == hearth.StopLength:
		e.Err = errors.New("the answer reached its output limit before it held anything to use")
		e.Cause = "Most likely a tool call was too long for it, such as a large file in one piece."
		e.Try = fmt.Sprintf("Raise maxTokens of %s, or ask for it in smaller pieces.", a.tries.target.Ref.Model)
		a.tries.empty = true // so too here
	case a.report.Stop == hearth.StopFiltered:
		e.Err = errors.New("the server's content filter withheld the answer")
		e.Cause = "The filter belongs to whoever runs the server; the model is not asked again."
		e.Try = "Say it in other words, or ask another model."
		a.tries.empty = true
	case a.thought:
		e.Err = errors.New("the model only thought, and never answered")
		if usage.Output > 0 {
			e.Err = fmt.Errorf("the model only thought, for %d tokens, and never answered", usage.Output)
		}
		e.Cause = "Its reasoning ended without an answer: most often at a token limit of the server's own, or because the chat template does not fit the model."
		e.Try = "Turn thinking off (--thinking off), or raise the server's limit for one answer."
	default:
		e.Err = errors.New("the model finished without a word")
		e.Cause = "Often the server's chat template does not fit the model, or its tool parser swallowed the answer."
		e.Try = "Look at the server's log; another build of the model may help."
	}
	return e
}
