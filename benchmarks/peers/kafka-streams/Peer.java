import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/**
 * The same work in Kafka Streams: a position store and a velocity window store, both with changelog and the record
 * cache that the DSL has by default; a target is forwarded when a channel's number is another one.
 *
 * <p>Usage: Peer job.json memory|rocksdb at_least_once|exactly_once_v2. Runs until SIGTERM.
 */
public final class Peer {
    private static final String POSITIONS = "positions";
    private static final String VELOCITY = "velocity";
    private static final Duration WINDOW = Duration.ofMinutes(1);
    private static final Duration KEPT = Duration.ofMinutes(30);
    private static final int SCHEMA_ID_BYTES = 5;

    private Peer() {}

    record Location(String name, int safetyStock) {}

    record Channel(String name, int units, int percent) {}

    public static void main(String[] args) throws Exception {
        JsonNode job = new ObjectMapper().readTree(new File(args[0]));
        boolean inMemory = args[1].equals("memory");
        KafkaStreams streams = new KafkaStreams(topology(job, inMemory), settings(job, args[2]));
        CountDownLatch ended = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            ended.countDown();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse
                    .SHUTDOWN_CLIENT;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(Duration.ofSeconds(10));
            ended.countDown();
        }));
        streams.start();
        ended.await();
    }

    private static Properties settings(JsonNode job, String guarantee) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, job.get("application").asText());
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, job.get("bootstrap_servers").asText());
        settings.put(StreamsConfig.STATE_DIR_CONFIG, job.get("folder").asText());
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        settings.put(StreamsConfig.consumerPrefix("isolation.level"), "read_committed");
        if (guarantee.equals("at_least_once")) {
            // The default of 30 s would put most of the changelog after the end of the measurement.
            settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, (int) (1000 * job.get("commit_interval_s").asDouble()));
        }
        return settings;
    }

    private static Topology topology(JsonNode job, boolean inMemory) throws IOException {
        Schema schema = new Schema.Parser().parse(new File(job.get("schema").asText()));
        List<Location> locations = new ArrayList<>();
        job.get("locations").properties().forEach(e -> locations.add(new Location(e.getKey(), e.getValue().asInt())));
        List<Channel> channels = new ArrayList<>();
        job.get("channels").forEach(c ->
                channels.add(new Channel(c.get("name").asText(), c.get("units").asInt(), c.get("percent").asInt())));
        Serde<State> states = Serdes.serdeFrom(
                (topic, state) -> state.bytes(), (topic, bytes) -> bytes == null ? null : State.of(bytes));
        var positions = inMemory ? Stores.inMemoryKeyValueStore(POSITIONS) : Stores.persistentKeyValueStore(POSITIONS);
        var velocity = inMemory
                ? Stores.inMemoryWindowStore(VELOCITY, KEPT, WINDOW, false)
                : Stores.persistentWindowStore(VELOCITY, KEPT, WINDOW, false);
        return new Topology()
                .addSource("changes", new StringDeserializer(), new Changes(schema), job.get("input").asText())
                .addProcessor("engine", () -> new Engine(locations, channels), "changes")
                .addStateStore(
                        Stores.keyValueStoreBuilder(positions, Serdes.String(), states).withCachingEnabled(), "engine")
                .addStateStore(
                        Stores.windowStoreBuilder(velocity, Serdes.String(), Serdes.Long()).withCachingEnabled(),
                        "engine")
                .addSink("targets", job.get("output").asText(), new StringSerializer(), new StringSerializer(), "engine");
    }

    /** Avro in the Confluent wire format, read with Avro's own generic reader. */
    private static final class Changes implements Deserializer<GenericRecord> {
        private final GenericDatumReader<GenericRecord> reader;
        private BinaryDecoder decoder;

        Changes(Schema schema) {
            reader = new GenericDatumReader<>(schema);
        }

        @Override
        public GenericRecord deserialize(String topic, byte[] data) {
            decoder = DecoderFactory.get()
                    .binaryDecoder(data, SCHEMA_ID_BYTES, data.length - SCHEMA_ID_BYTES, decoder);
            try {
                return reader.read(null, decoder);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
    }

    /** All that is known of one SKU. */
    private static final class State {
        final Map<String, Long> onHand = new HashMap<>();
        final Map<String, Long> orders = new HashMap<>();
        final Map<String, Long> shown = new HashMap<>();

        byte[] bytes() {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
            try (DataOutputStream out = new DataOutputStream(bytes)) {
                for (Map<String, Long> map : List.of(onHand, orders, shown)) {
                    out.writeShort(map.size());
                    for (Map.Entry<String, Long> entry : map.entrySet()) {
                        out.writeUTF(entry.getKey());
                        out.writeLong(entry.getValue());
                    }
                }
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return bytes.toByteArray();
        }

        static State of(byte[] bytes) {
            State state = new State();
            try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
                for (Map<String, Long> map : List.of(state.onHand, state.orders, state.shown)) {
                    for (int count = in.readUnsignedShort(); count > 0; count--) {
                        map.put(in.readUTF(), in.readLong());
                    }
                }
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return state;
        }
    }

    private static final class Engine implements Processor<String, GenericRecord, String, String> {
        private final List<Location> locations;
        private final List<Channel> channels;
        private ProcessorContext<String, String> context;
        private KeyValueStore<String, State> positions;
        private WindowStore<String, Long> velocity;

        Engine(List<Location> locations, List<Channel> channels) {
            this.locations = locations;
            this.channels = channels;
        }

        @Override
        public void init(ProcessorContext<String, String> context) {
            this.context = context;
            positions = context.getStateStore(POSITIONS);
            velocity = context.getStateStore(VELOCITY);
        }

        @Override
        public void process(Record<String, GenericRecord> record) {
            GenericRecord change = record.value();
            String sku = record.key();
            State state = positions.get(sku);
            if (state == null) {
                state = new State();
            }
            apply(sku, state, change);
            targets(sku, state, record);
            positions.put(sku, state);
        }

        private void apply(String sku, State state, GenericRecord change) {
            GenericRecord kind = (GenericRecord) change.get("kind");
            switch (kind.getSchema().getName()) {
                case "StockCounted" -> state.onHand.put(change.get("location").toString(), (Long) kind.get("on_hand"));
                case "StockAdjusted" ->
                    state.onHand.merge(change.get("location").toString(), (Long) kind.get("units"), Long::sum);
                case "UnitsSold" -> {
                    long units = (Long) kind.get("units");
                    state.orders.put(kind.get("order_id").toString(), units);
                    sold(sku + "/" + kind.get("channel"), (Long) change.get("occurred_at_ms"), units);
                }
                case "OrderShipped" -> {
                    state.onHand.merge(change.get("location").toString(), -(Long) kind.get("units"), Long::sum);
                    state.orders.remove(kind.get("order_id").toString());
                }
                default -> throw new IllegalArgumentException(kind.getSchema().getName());
            }
        }

        private void sold(String key, long occurredAtMs, long units) {
            long start = occurredAtMs - occurredAtMs % WINDOW.toMillis();
            Long before = velocity.fetch(key, start);
            velocity.put(key, before == null ? units : before + units, start);
        }

        private void targets(String sku, State state, Record<String, GenericRecord> record) {
            if (state.onHand.size() < locations.size()) {
                return;
            }
            long there = 0;
            for (Location location : locations) {
                there += Math.max(0, state.onHand.get(location.name()) - location.safetyStock());
            }
            long sold = 0;
            for (long units : state.orders.values()) {
                sold += units;
            }
            long atp = Math.max(0, there - sold);
            for (Channel channel : channels) {
                long buffer = Math.min(atp, Math.max(channel.units(), (atp * channel.percent() + 99) / 100));
                long quantity = atp - buffer;
                Long before = state.shown.put(channel.name(), quantity);
                if (before == null || before != quantity) {
                    String listing = channel.name() + "/" + sku;
                    context.forward(new Record<>(listing, json(listing, sku, channel, quantity, atp, buffer, record), record.timestamp()));
                }
            }
        }

        private static String json(
                String listing, String sku, Channel channel, long quantity, long atp, long buffer,
                Record<String, GenericRecord> record) {
            return "{\"listing_id\": \"" + listing + "\", \"sku\": \"" + sku + "\", \"channel\": \"" + channel.name()
                    + "\", \"quantity\": " + quantity + ", \"atp\": " + atp + ", \"buffer\": " + buffer
                    + ", \"changed_at_ms\": " + record.value().get("occurred_at_ms") + "}";
        }
    }
}
