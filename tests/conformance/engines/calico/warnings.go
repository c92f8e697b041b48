package main

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"
)

// warnings keeps what Calico's code logs as a warning or worse, which in Felix's log nobody reads.
type warnings struct {
	mutex    sync.Mutex
	messages []string
}

// newWarnings listens to the one logger of all of Calico's code.
func newWarnings() *warnings {
	w := &warnings{}
	logrus.SetLevel(logrus.WarnLevel)
	logrus.SetOutput(io.Discard)
	logrus.AddHook(w)
	return w
}

func (w *warnings) Levels() []logrus.Level {
	return []logrus.Level{logrus.PanicLevel, logrus.FatalLevel, logrus.ErrorLevel, logrus.WarnLevel}
}

func (w *warnings) Fire(entry *logrus.Entry) error {
	text := entry.Message
	if err, ok := entry.Data[logrus.ErrorKey]; ok {
		text = fmt.Sprintf("%s: %v", text, err)
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.messages = append(w.messages, text)
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

// warned is what Calico logged while it took something.
type warned []string

func (w warned) Error() string {
	return fmt.Sprintf("Calico warns: %s", strings.Join(w, "; "))
}
