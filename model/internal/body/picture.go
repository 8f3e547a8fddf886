package body

import (
	"fmt"

	"hearth"
	"hearth/model"
)

// Pictures makes sure that every picture of a message that will be sent has its bytes.
func Pictures(m *hearth.Message, caps *model.Capabilities) error {
	if !caps.Vision {
		return nil
	}
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.Blob != nil && p.Blob.Data == nil {
			return missing(p.Blob, m)
		}
		if p.Result == nil {
			continue
		}
		for j := range p.Result.Blobs {
			if b := &p.Result.Blobs[j]; b.Data == nil {
				return missing(b, m)
			}
		}
	}
	return nil
}

func missing(b *hearth.Blob, m *hearth.Message) error {
	return fmt.Errorf("picture %s of message %s has no bytes", b.Hash, m.ID)
}
