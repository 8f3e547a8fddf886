package probe

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"hearth/model"
)

// A Host is a server that was found.
type Host struct {
	Kind     Kind
	Build    string // the server's version, in its own words; may be empty
	Root     string // address without /v1
	Models   []Model
	Slots    int  // requests it works on at once; 0 = it does not say
	NeedsKey bool // it wants a credential before it tells more
	Loading  bool // it is there and not ready yet
	NoModels bool // it answers, and not as a model server does
	Mute     bool // it takes connections and said nothing in time: busy, or no model server
	// SlotsBecause says where Slots comes from.
	SlotsBecause string
}

// A Model is what a server says of one model. Zero and nil mean that it does not say.
type Model struct {
	ID         string
	Window     int // tokens in force
	TrainedMax int
	MaxOutput  int
	Tools      *bool
	Vision     *bool
	Reasoning  *bool
	Replay     *bool // its template keeps the reasoning of earlier messages
	Efforts    []string
	Resident   *bool // loaded now
	SizeBytes  int64
	ParamsB    float64 // billions of parameters
	Embedding  bool    // not for chat
	Cloud      bool    // runs on somebody else's computer
	Modified   time.Time
	Aliases    []string // other ids that mean this one: LM Studio's instances

	because map[string]string // evidence, by the JSON name of the Layer's field
}

// Evidence says where a value comes from, by the JSON name of the Layer's field.
func (m *Model) Evidence(field string) string { return m.because[field] }

// note keeps where something was learned.
func (m *Model) note(field, where string) {
	if m.because == nil {
		m.because = make(map[string]string)
	}
	m.because[field] = words("", where) // it may hold words of the server
}

// Identify recognises the server behind a client and lists its models. Each question is
// given two seconds. The error is the client's, for instance ReasonUnreachable when
// nothing answers.
func Identify(ctx context.Context, c *model.Client) (Host, error) {
	return newAsker(c, 0).host(ctx)
}

// mostQuestions bounds the whole conversation with a server, in time-outs of a question.
const mostQuestions = 4

func (a *asker) host(ctx context.Context) (Host, error) {
	ctx, cancel := context.WithTimeout(ctx, mostQuestions*a.timeout)
	defer cancel()
	h, err := a.identify(ctx)
	if err != nil {
		return h, err
	}
	a.list(ctx, &h)
	return h, nil
}

// list fills in the models.
func (a *asker) list(ctx context.Context, h *Host) {
	switch h.Kind {
	case KindLMStudio:
		a.listLMStudio(ctx, h)
	case KindOllama:
		a.listOllama(ctx, h)
	default:
		a.listOpenAI(ctx, h)
	}
	switch h.Kind {
	case KindLlamaCpp:
		a.addProps(ctx, h)
	case KindVLLM:
		a.addVLLM(ctx, h)
	case KindSGLang:
		a.addSGLang(ctx, h)
	case KindLiteLLM:
		a.addLiteLLM(ctx, h)
	case KindLlamaSwap:
		a.addRunning(ctx, h)
	case KindKobold:
		a.addKobold(ctx, h)
	case KindTabby:
		a.addTabby(ctx, h)
	case KindLocalAI:
		h.showAll(ctx, a.showLocalAI)
	default: // the list is all there is
	}
	for i := range h.Models {
		m := &h.Models[i]
		m.Embedding = m.Embedding || looksLikeEmbedding(m.ID)
		if m.ParamsB == 0 {
			m.ParamsB = paramsOf(m.ID)
		}
	}
}

// listOpenAI reads the list that every OpenAI-compatible server has, with the extra
// fields that some put into it.
func (a *asker) listOpenAI(ctx context.Context, h *Host) {
	var list openAIList
	a.get(ctx, "/v1/models").decode(&list)
	for i := range list.Data {
		e := &list.Data[i]
		if e.ID == "" {
			continue
		}
		m := Model{ID: e.ID, SizeBytes: e.Meta.Size, ParamsB: float64(e.Meta.NParams) / 1e9, TrainedMax: int(e.Meta.NCtxTrain)}
		switch {
		case e.Meta.NCtx > 0:
			m.set("GET /v1/models meta.n_ctx", e.Meta.NCtx)
		case e.MaxModelLen > 0:
			m.set("GET /v1/models max_model_len", e.MaxModelLen)
		case e.Parameters.MaxSeqLen > 0:
			m.set("GET /v1/models parameters.max_seq_len", e.Parameters.MaxSeqLen)
		case e.ContextLength > 0 && h.Kind == KindExo:
			m.TrainedMax = int(e.ContextLength) // exo quotes the model's card, not its own memory
		case e.ContextLength > 0:
			m.set("GET /v1/models context_length", e.ContextLength)
		}
		m.Vision = e.Parameters.UseVision
		if len(e.Architecture.InputModalities) > 0 {
			m.Vision = new(slices.Contains(e.Architecture.InputModalities, "image"))
		}
		if e.Status.Value != "" {
			m.Resident = new(e.Status.Value == "loaded" || e.Status.Value == "sleeping")
			m.note("resident", "GET /v1/models status.value="+e.Status.Value)
		}
		if e.Parameters.MaxBatchSize > 0 {
			h.works(int(e.Parameters.MaxBatchSize), "GET /v1/models parameters.max_batch_size")
		}
		h.Models = append(h.Models, m)
	}
	inheritWindows(h.Models, list.Data)
}

// inheritWindows gives a LoRA the window of the model it stands on: vLLM lists it without.
func inheritWindows(models []Model, list []openAIModel) {
	for i := range models {
		for j := range list {
			if list[j].ID != models[i].ID || list[j].Parent == "" || models[i].Window > 0 {
				continue
			}
			for k := range models {
				if models[k].ID == list[j].Parent && models[k].Window > 0 {
					models[i].set("GET /v1/models max_model_len of "+models[k].ID, model.Count(models[k].Window))
				}
			}
		}
	}
}

// set notes the window in force.
func (m *Model) set(where string, tokens model.Count) {
	m.Window = int(tokens)
	m.note("window", where)
}

// mostSlots is more than any server at home works on at once. What keeps the slots is made
// for each of them.
const mostSlots = 256

// works notes how many requests the server works on at once.
func (h *Host) works(slots int, because string) {
	h.Slots, h.SlotsBecause = min(slots, mostSlots), because
}

// find gives the model an id means.
func (h *Host) find(id string) *Model {
	for _, same := range []func(a, b string) bool{
		func(a, b string) bool { return a == b },
		strings.EqualFold,
		func(a, b string) bool {
			return strings.EqualFold(strings.TrimSuffix(a, ":latest"), strings.TrimSuffix(b, ":latest"))
		},
	} {
		for i := range h.Models {
			m := &h.Models[i]
			if same(m.ID, id) {
				return m
			}
			for _, alias := range m.Aliases {
				if same(alias, id) {
					return m
				}
			}
		}
	}
	if h.Kind == KindLlamaCpp && len(h.Models) == 1 {
		return &h.Models[0] // llama-server answers to any name
	}
	return nil
}

// Has reports whether the server has the model that an id means.
func (h *Host) Has(id string) bool { return h.find(id) != nil }

// IDs lists the models' ids.
func (h *Host) IDs() []string {
	ids := make([]string, len(h.Models))
	for i := range h.Models {
		ids[i] = h.Models[i].ID
	}
	return ids
}

// Layer gives what the server says of a model, with its evidence. A model that it does
// not list still gets what holds for the whole server.
func (h *Host) Layer(id string) model.Layer {
	l := model.Layer{Evidence: make(map[string]string)}
	h.addServer(&l)
	m := h.find(id)
	if m == nil {
		return l
	}
	maps.Copy(l.Evidence, m.because)
	number := func(into **int, v int) {
		if v > 0 {
			*into = &v
		}
	}
	number(&l.Window, m.Window)
	if m.Window == 0 && m.TrainedMax > 0 && m.TrainedMax < model.DefaultWindow {
		number(&l.Window, m.TrainedMax) // not loaded yet; it will not be served with more
		l.Evidence["window"] = "trained for no more"
	}
	number(&l.TrainedMax, m.TrainedMax)
	number(&l.MaxTokens, m.MaxOutput)
	if m.Tools != nil {
		support := model.ToolsNone
		if *m.Tools {
			support = model.ToolsNative
		}
		l.Tools = &support
	}
	l.Vision, l.Reasoning, l.Resident, l.ReplayThinking = m.Vision, m.Reasoning, m.Resident, m.Replay
	l.Efforts = m.Efforts
	if m.ParamsB > 0 {
		l.ParamsB = &m.ParamsB
	}
	if m.Embedding {
		l.Embedding = new(true)
	}
	if m.Cloud {
		l.Locality, l.CachedCounted = hosted(), nil // whoever counts there
	}
	return l
}
