package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/cilium/cilium/pkg/logging/logfields"
)

// warnings is the log handler of all of Cilium's code here. It keeps what is logged as a warning or worse,
// which in an agent's log nobody reads.
type warnings struct {
	mutex    sync.Mutex
	messages []string
}

func (w *warnings) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (w *warnings) WithAttrs([]slog.Attr) slog.Handler               { return w }
func (w *warnings) WithGroup(string) slog.Handler                    { return w }

func (w *warnings) Handle(_ context.Context, record slog.Record) error {
	text := []string{record.Message}
	record.Attrs(func(attribute slog.Attr) bool {
		if attribute.Key != logfields.Stacktrace {
			text = append(text, attribute.String())
		}
		return true
	})
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.messages = append(w.messages, strings.Join(text, " "))
	return nil
}

// take gives what was logged since it was last asked, as an error; nil where nothing was.
func (w *warnings) take() error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(w.messages) == 0 {
		return nil
	}
	messages := warned(w.messages)
	w.messages = nil
	return messages
}

// warned is what Cilium logged while it took something.
type warned []string

func (w warned) Error() string {
	return fmt.Sprintf("Cilium warns: %s", strings.Join(w, "; "))
}
