package codec

import (
	"crypto/rand"
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"
)

// The metadata of an encrypted payload.
const (
	encodingKey = converter.MetadataEncoding
	encoding    = "binary/encrypted" // by which Temporal's own samples call it
	nameKey     = "encryption-key-id"
)

// Codec encrypts payloads with its first key and decrypts them with any. It
// implements [converter.PayloadCodec] and is safe for concurrent use. A nil
// Codec has no keys: it leaves payloads as they are, and says of one that is
// encrypted that its key is missing.
type Codec struct{ keys []key }

// ErrNoKey is the error for a payload that no key at hand decrypts.
var ErrNoKey = errors.New("it is encrypted, and its key is not among those of " + KeyFileVariable + " or " + KeyVariable)

// Encode implements [converter.PayloadCodec].
func (c *Codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	if c == nil {
		return payloads, nil
	}
	return each(payloads, c.keys[0].encrypt)
}

// Decode implements [converter.PayloadCodec].
func (c *Codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return each(payloads, c.decrypt)
}

func each(payloads []*commonpb.Payload, f func(*commonpb.Payload) (*commonpb.Payload, error)) ([]*commonpb.Payload, error) {
	result := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		var err error
		if result[i], err = f(p); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// encrypt hides the whole payload, its metadata too. The key's name is
// authenticated with it.
func (k key) encrypt(p *commonpb.Payload) (*commonpb.Payload, error) {
	plain, err := proto.Marshal(p)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, k.aead.NonceSize(), k.aead.NonceSize()+len(plain)+k.aead.Overhead())
	rand.Read(nonce) // never fails
	return &commonpb.Payload{
		Metadata: map[string][]byte{encodingKey: []byte(encoding), nameKey: []byte(k.name)},
		Data:     k.aead.Seal(nonce, nonce, plain, []byte(k.name)),
	}, nil
}

func (c *Codec) decrypt(p *commonpb.Payload) (*commonpb.Payload, error) {
	if string(p.GetMetadata()[encodingKey]) != encoding {
		return p, nil
	}
	name := string(p.GetMetadata()[nameKey])
	k := c.find(name)
	if k == nil {
		return nil, fmt.Errorf("a payload of this run cannot be read: %w (key %q)", ErrNoKey, name)
	}
	size := k.aead.NonceSize()
	if len(p.GetData()) < size {
		return nil, fmt.Errorf("a payload of this run cannot be read: it is shorter than what key %q makes", name)
	}
	plain, err := k.aead.Open(nil, p.GetData()[:size], p.GetData()[size:], []byte(name))
	if err != nil {
		return nil, fmt.Errorf("a payload of this run cannot be read: key %q is not the one that it was encrypted with, or it was changed", name)
	}
	inner := &commonpb.Payload{}
	return inner, proto.Unmarshal(plain, inner)
}

func (c *Codec) find(name string) *key {
	if c == nil {
		return nil
	}
	for i := range c.keys {
		if c.keys[i].name == name {
			return &c.keys[i]
		}
	}
	return nil
}

// ForClient has a client of Temporal encrypt and decrypt. What it cannot
// decrypt is an error of the call that needs it.
func (c *Codec) ForClient(options *client.Options) { apply(c, c != nil, options) }

// ForWorker has a worker's client encrypt and decrypt. What it cannot decrypt
// is a panic: that fails the workflow task, which Temporal tries again until a
// worker with the key takes it, while an error would fail the run, and nothing
// would clean up after it.
func (c *Codec) ForWorker(options *client.Options) { apply(blocking{c}, c != nil, options) }

// apply also hides the messages and stack traces of failures, where there is a
// key to hide them with.
func apply(c converter.PayloadCodec, encrypts bool, options *client.Options) {
	options.DataConverter = converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), c)
	options.FailureConverter = temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter: options.DataConverter, EncodeCommonAttributes: encrypts,
	})
}

type blocking struct{ *Codec }

func (b blocking) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	decoded, err := b.Codec.Decode(payloads)
	if err != nil {
		panic(err)
	}
	return decoded, nil
}
