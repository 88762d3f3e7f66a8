import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** The same as handlers.ts, on grpc-java: its handlers are called as generated code calls them. */
public final class Handlers {
  private static final Object lock = new Object();
  private static int most = 0;
  private static boolean isStopping = false;
  /** What hands off the streams that wait for their client. */
  private static final Set<Runnable> waiting = ConcurrentHashMap.newKeySet();

  /** Waits until a number may be said. False: the server stops. */
  private static boolean may(int number) {
    synchronized (lock) {
      try {
        while (most < number && !isStopping) lock.wait();
      } catch (InterruptedException stopped) {
        return false;
      }
      return most >= number;
    }
  }

  private static Metadata.Key<String> field(String name) {
    return Metadata.Key.of("continuity-" + name, Metadata.ASCII_STRING_MARSHALLER);
  }

  /** How many answers the client has; absent: the proxy offers nothing. */
  private static final Context.Key<Integer> DELIVERED = Context.key("delivered");

  /** Says at once, before the handler is called, how the stream goes on. */
  private static final class Continuity implements ServerInterceptor {
    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata said, ServerCallHandler<Q, A> next) {
      String offer = said.get(field("offer"));
      if (offer == null || !offer.contains("resume")) return next.startCall(call, said);
      String text = said.get(field("delivered"));
      int delivered = text == null ? 0 : Integer.parseInt(text);
      String method = call.getMethodDescriptor().getBareMethodName();
      Metadata head = new Metadata();
      head.put(field("accept"), "handoff, resume" + (method.equals("Serve") ? ", one-request" : ""));
      head.put(field("session"), "nothing is kept");
      head.put(field("received"), String.valueOf(method.equals("Chat") ? delivered : 0));
      call.sendHeaders(head);
      ServerCall<Q, A> begun =
          new SimpleForwardingServerCall<>(call) {
            @Override
            public void sendHeaders(Metadata already) {}
          };
      Context context = Context.current().withValue(DELIVERED, delivered);
      return Contexts.interceptCall(context, begun, said, next);
    }
  }

  private static void handOff(StreamObserver<byte[]> answers, int received) {
    Metadata trailers = new Metadata();
    trailers.put(field("handoff"), "1");
    trailers.put(field("received"), String.valueOf(received));
    answers.onError(
        Status.UNAVAILABLE.withDescription("the server stops").asRuntimeException(trailers));
  }

  private static byte[] number(int number) {
    return new byte[] {8, (byte) number};
  }

  private static void serve(byte[] request, StreamObserver<byte[]> answers) {
    Integer delivered = DELIVERED.get();
    int token = request.length > 3 ? request[3] : 0;
    for (int next = (delivered == null ? token : delivered) + 1; next <= request[1]; next++) {
      if (!may(next)) {
        handOff(answers, 0);
        return;
      }
      answers.onNext(number(next));
    }
    answers.onCompleted();
  }

  private abstract static class Requests implements StreamObserver<byte[]> {
    @Override
    public void onError(Throwable cancelled) {}
  }

  private static StreamObserver<byte[]> chat(StreamObserver<byte[]> answers) {
    Integer delivered = DELIVERED.get();
    return new Requests() {
      private int answered = delivered == null ? 0 : delivered;
      private boolean isOver = false;

      @Override
      public void onNext(byte[] message) {
        if (isOver) return;
        if (may(message[1])) {
          answers.onNext(message);
          answered++;
          return;
        }
        isOver = true;
        handOff(answers, answered);
      }

      @Override
      public void onCompleted() {
        if (!isOver) answers.onCompleted();
      }
    };
  }

  private static StreamObserver<byte[]> collect(StreamObserver<byte[]> answers) {
    Runnable handingOff = () -> handOff(answers, 0);
    waiting.add(handingOff);
    return new Requests() {
      private int count = 0;

      @Override
      public void onNext(byte[] message) {
        count++;
      }

      @Override
      public void onCompleted() {
        if (!waiting.remove(handingOff)) return;
        if (!may(count)) {
          handOff(answers, 0);
          return;
        }
        answers.onNext(number(count));
        answers.onCompleted();
      }
    };
  }

  /** Messages that are octets, without protobuf. */
  private static final class Octets implements MethodDescriptor.Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException lost) {
        throw new UncheckedIOException(lost);
      }
    }
  }

  private static MethodDescriptor<byte[], byte[]> method(String name, MethodType type) {
    return MethodDescriptor.<byte[], byte[]>newBuilder()
        .setType(type)
        .setFullMethodName(MethodDescriptor.generateFullMethodName("kinds.Kinds", name))
        .setRequestMarshaller(new Octets())
        .setResponseMarshaller(new Octets())
        .build();
  }

  private static void stop(Server server) {
    synchronized (lock) {
      isStopping = true;
      lock.notifyAll();
    }
    for (Runnable handingOff : waiting) if (waiting.remove(handingOff)) handingOff.run();
    try {
      server.shutdown().awaitTermination(5, TimeUnit.SECONDS);
    } catch (InterruptedException stopped) {
      server.shutdownNow();
    }
  }

  public static void main(String[] arguments) throws Exception {
    ServerServiceDefinition service =
        ServerServiceDefinition.builder("kinds.Kinds")
            .addMethod(
                method("Serve", MethodType.SERVER_STREAMING),
                ServerCalls.asyncServerStreamingCall(Handlers::serve))
            .addMethod(
                method("Chat", MethodType.BIDI_STREAMING),
                ServerCalls.asyncBidiStreamingCall(Handlers::chat))
            .addMethod(
                method("Collect", MethodType.CLIENT_STREAMING),
                ServerCalls.asyncClientStreamingCall(Handlers::collect))
            .build();
    Server server =
        NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
            .executor(Executors.newCachedThreadPool())
            .intercept(new Continuity())
            .addService(service)
            .build()
            .start();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(server)));
    System.out.println("listening on " + server.getPort());
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine())
      synchronized (lock) {
        most = Integer.parseInt(line.trim());
        lock.notifyAll();
      }
    server.awaitTermination();
  }
}
