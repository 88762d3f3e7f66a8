import io.grpc.CallOptions;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.xds.XdsChannelCredentials;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A proxyless client of grpc-java: what ../client.ts says. Arguments: target, credentials. */
public final class XdsClient {
  private static final int AT_ONCE = 10;
  private static final int DEADLINE_S = 15;
  private static final Pattern CALLS = Pattern.compile("\"calls\":(\\d+)");
  private static final Pattern HEADERS = Pattern.compile("\"headers\":\\{([^}]*)\\}");
  private static final Pattern HEADER = Pattern.compile("\"([^\"]+)\":\"([^\"]*)\"");

  /** Octets as they are. */
  private static final MethodDescriptor.Marshaller<byte[]> RAW =
      new MethodDescriptor.Marshaller<>() {
        @Override
        public InputStream stream(byte[] value) {
          return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
          try {
            return stream.readAllBytes();
          } catch (IOException error) {
            throw new UncheckedIOException(error);
          }
        }
      };

  private static final MethodDescriptor<byte[], byte[]> METHOD =
      MethodDescriptor.<byte[], byte[]>newBuilder(RAW, RAW)
          .setType(MethodDescriptor.MethodType.UNARY)
          .setFullMethodName("where.Where/Am")
          .build();

  public static void main(String[] args) throws Exception {
    ChannelCredentials plain = InsecureChannelCredentials.create();
    ChannelCredentials credentials = args[1].equals("xds") ? XdsChannelCredentials.create(plain) : plain;
    ManagedChannel channel = Grpc.newChannelBuilder(args[0], credentials).build();
    ExecutorService pool = Executors.newFixedThreadPool(AT_ONCE);
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) run(channel, pool, line);
    System.exit(0);
  }

  private static void run(ManagedChannel channel, ExecutorService pool, String line) throws Exception {
    Matcher calls = CALLS.matcher(line);
    if (!calls.find()) throw new IllegalArgumentException(line);
    Metadata metadata = new Metadata();
    Matcher headers = HEADERS.matcher(line);
    if (headers.find()) {
      Matcher header = HEADER.matcher(headers.group(1));
      while (header.find())
        metadata.put(Metadata.Key.of(header.group(1), Metadata.ASCII_STRING_MARSHALLER), header.group(2));
    }
    io.grpc.Channel withHeaders =
        ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(metadata));
    Map<String, Integer> by = new TreeMap<>();
    Map<String, Integer> errors = new TreeMap<>();
    Future<?>[] all = new Future<?>[Integer.parseInt(calls.group(1))];
    for (int i = 0; i < all.length; i++) all[i] = pool.submit(() -> one(withHeaders, by, errors));
    for (Future<?> each : all) each.get();
    System.out.println("{\"by\":" + json(by) + ",\"errors\":" + json(errors) + "}");
    System.out.flush();
  }

  private static void one(io.grpc.Channel channel, Map<String, Integer> by, Map<String, Integer> errors) {
    CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(DEADLINE_S, TimeUnit.SECONDS);
    try {
      byte[] answer = ClientCalls.blockingUnaryCall(channel, METHOD, options, new byte[0]);
      synchronized (by) {
        by.merge(new String(answer), 1, Integer::sum);
      }
    } catch (StatusRuntimeException error) {
      synchronized (errors) {
        Throwable cause = error.getCause();
        String text = error.getStatus().getCode() + ": " + error.getStatus().getDescription();
        errors.merge(cause == null ? text : text + " (" + cause + ")", 1, Integer::sum);
      }
    }
  }

  private static String json(Map<String, Integer> counts) {
    StringBuilder text = new StringBuilder("{");
    for (Map.Entry<String, Integer> each : counts.entrySet()) {
      if (text.length() > 1) text.append(',');
      String key = each.getKey().replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\p{Cntrl}", " ");
      text.append('"').append(key).append("\":").append(each.getValue());
    }
    return text.append('}').toString();
  }
}
