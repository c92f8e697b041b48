package main

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/cilium/proxy/pkg/policy/api/kafka"
)

// kafkaRequest is one request as a client writes it, in version 0. Key is a name of kafka.APIKeyMap, or a number.
type kafkaRequest struct {
	Key    string   `json:"key"`
	Topics []string `json:"topics"`
}

// before is how many bytes stand before the topics, in each request whose topics the parser reads. They are zero
// here: no acknowledgements, no waiting, a group without a name.
var before = map[int16]int{
	kafka.ProduceKey:      2 + 4,     // acknowledgements, timeout
	kafka.FetchKey:        4 + 4 + 4, // replica, longest wait, fewest bytes
	kafka.OffsetsKey:      4,         // replica
	kafka.MetadataKey:     0,
	kafka.OffsetCommitKey: 2, // group
	kafka.OffsetFetchKey:  2, // group
}

// bytes writes the request. Of those whose topics the parser does not read, it reads no more than the header.
func (r *kafkaRequest) bytes() ([]byte, error) {
	key, named := kafka.APIKeyMap[r.Key]
	if !named {
		number, err := strconv.ParseInt(r.Key, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("no key of a request: %w", err)
		}
		key = int16(number)
	}
	content := binary.BigEndian.AppendUint16(nil, uint16(key))
	content = append(content, 0, 0, 0, 0, 0, 1, 0, 0) // version 0, request 1, a client without a name
	first, read := before[key]
	switch {
	case read:
		content = append(content, make([]byte, first)...)
		content = binary.BigEndian.AppendUint32(content, uint32(len(r.Topics)))
		for _, topic := range r.Topics {
			content = binary.BigEndian.AppendUint16(content, uint16(len(topic)))
			content = append(content, topic...)
			if key != kafka.MetadataKey {
				content = append(content, 0, 0, 0, 0) // no partitions
			}
		}
	case len(r.Topics) > 0:
		return nil, fmt.Errorf("the parser reads no topics in a request %q", r.Key)
	case key == kafka.FindCoordinatorKey:
		content = append(content, 0, 0) // group
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(content))), content...), nil
}
