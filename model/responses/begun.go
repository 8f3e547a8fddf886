package responses

import (
	"slices"

	"hearth/model"
)

// begun are the calls that were announced and have not come whole. Some servers say no more
// of a call than that it begins and what its arguments are.
type begun []*announced

type announced struct {
	item
	index *model.Count // among the output
	whole bool         // its arguments came
}

// mostItems is more than any answer has of one kind. What is announced beyond is not
// followed, so that a server that announces without an end takes no memory.
const mostItems = 1024

// add takes a call that is announced.
func (b *begun) add(index *model.Count, i *item) {
	if len(*b) >= mostItems {
		return
	}
	*b = append(*b, &announced{item: *i, index: index})
}

// complete takes the arguments of a call.
func (b begun) complete(e *event) {
	i := b.find(e.OutputIndex, func(a *announced) bool { return e.ItemID != "" && a.ID == e.ItemID || len(b) == 1 })
	if i < 0 {
		return
	}
	b[i].Arguments, b[i].whole = e.Arguments, true
	if b[i].Name == "" {
		b[i].Name = e.Name
	}
}

// settle forgets a call that came whole.
func (b *begun) settle(index *model.Count, whole *item) {
	i := b.find(index, func(a *announced) bool {
		return whole.ID != "" && a.ID == whole.ID || whole.CallID != "" && a.CallID == whole.CallID
	})
	if i < 0 {
		i = slices.IndexFunc(*b, func(a *announced) bool { return a.Name == whole.Name })
	}
	if i >= 0 {
		*b = slices.Delete(*b, i, i+1)
	}
}

func (b begun) find(index *model.Count, same func(*announced) bool) int {
	return slices.IndexFunc(b, func(a *announced) bool {
		if index != nil && a.index != nil {
			return *index == *a.index
		}
		return same(a)
	})
}
