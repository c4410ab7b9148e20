// The Runtime API client for Java: what loads and runs the handler inside an environment.
//
// One file of the JDK's own classes, Java 17 or newer. The interfaces of aws-lambda-java-core come with the function; this
// file meets them by reflection. Source: AWS Lambda Developer Guide, "Building Lambda functions with Java" and "Using the
// Lambda runtime API", read 2026-11.

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Proxy;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.net.Socket;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.Comparator;
import java.util.Date;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

final class JavaClient {
    static final String API = "/2018-06-01/runtime";
    static final String CORE = "com.amazonaws.services.lambda.runtime.";

    public static void main(String[] arguments) throws Exception {
        System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8));
        Wire wire = new Wire(System.getenv("AWS_LAMBDA_RUNTIME_API"));
        ClassLoader loader = classLoader(System.getenv("LAMBDA_TASK_ROOT"), layers());
        Handler handler;
        try {
            Thread.currentThread().setContextClassLoader(loader);
            Context.shareLogger(loader);
            handler = Handler.load(System.getenv("_HANDLER"), loader);
        } catch (Throwable fault) {
            logFault(fault);
            wire.post("/init/error", Json.write(errorPayload(fault)), errorType(fault));
            wire.read();
            System.exit(1);
            return;
        }
        if ("snap-start".equals(System.getenv("AWS_LAMBDA_INITIALIZATION_TYPE"))) {
            passSnapshot(wire, loader);
        }
        wire.requestNext();
        while (true) {
            answer(wire, handler, wire.read());
        }
    }

    /** Runs the hooks that the function registered with org.crac, before the snapshot in reverse order, and waits to be restored between. */
    private static void passSnapshot(Wire wire, ClassLoader loader) throws Exception {
        String path = "/init/error";
        String type = "Runtime.BeforeCheckpointError";
        int code = 64;
        try {
            Object context = Class.forName(System.getProperty(Loader.IMPLEMENTATION) + ".Core", true, loader).getMethod("getGlobalContext").invoke(null);
            runHooks(context, "beforeCheckpoint");
            wire.get("/restore/next"); // answered when the snapshot is restored
            wire.read();
            path = "/restore/error";
            type = "Runtime.AfterRestoreError";
            code = 65;
            runHooks(context, "afterRestore");
        } catch (Throwable fault) {
            logFault(fault);
            flush();
            wire.post(path, Json.write(errorPayload(fault)), type);
            wire.read();
            System.exit(code);
        }
    }

    private static void runHooks(Object context, String name) throws Throwable {
        Method hooks = Stream.of(context.getClass().getMethods()).filter(method -> method.getName().equals(name) && !method.isBridge()).findFirst().orElseThrow();
        try {
            hooks.setAccessible(true);
            hooks.invoke(context, (Object) null);
        } catch (InvocationTargetException error) {
            throw error.getCause();
        }
        flush();
    }

    private static void answer(Wire wire, Handler handler, Message event) throws Exception {
        Log.requestId = event.header("lambda-runtime-aws-request-id");
        String path = "/invocation/" + Log.requestId;
        String trace = event.header("lambda-runtime-trace-id");
        if (trace != null) {
            System.setProperty("com.amazonaws.xray.traceHeader", trace);
        }
        try {
            byte[] result = handler.call(event);
            flush();
            wire.post(path + "/response", result, null);
        } catch (Throwable fault) {
            logFault(fault);
            flush();
            wire.post(path + "/error", Json.write(errorPayload(fault)), errorType(fault));
            if (fault instanceof VirtualMachineError) {
                wire.read();
                System.exit(1); // AWS: the virtual machine is not to be trusted any more
            }
        }
        wire.requestNext();
        wire.read();
    }

    private static void flush() {
        System.out.flush();
        System.err.flush();
    }

    private static String layers() {
        String folder = System.getenv("LAMBDA_SANDBOX_LAYERS");
        return folder == null ? "/opt" : folder;
    }

    private static ClassLoader classLoader(String task, String layers) throws IOException {
        List<URL> places = new ArrayList<>();
        places.add(new File(task).toURI().toURL());
        for (String folder : List.of(task + "/lib", layers + "/java/lib")) {
            File[] jars = new File(folder).listFiles((where, name) -> name.endsWith(".jar"));
            for (File jar : jars == null ? new File[0] : sorted(jars)) {
                places.add(jar.toURI().toURL());
            }
        }
        return new Loader(places.toArray(new URL[0]));
    }

    /** The function's classes, and below them what org.crac looks for: AWS's runtime brings an implementation along, too. */
    static final class Loader extends URLClassLoader {
        static final String IMPLEMENTATION = "org.crac.Core.Compat"; // the property that names its package
        private static final String PACKAGE = "JavaClient$Crac";

        Loader(URL[] places) {
            super(places, ClassLoader.getPlatformClassLoader());
            if (System.getProperty(IMPLEMENTATION) == null) {
                System.setProperty(IMPLEMENTATION, PACKAGE);
            }
        }

        @Override
        protected Class<?> findClass(String name) throws ClassNotFoundException {
            if (!name.startsWith(PACKAGE + ".")) {
                return super.findClass(name);
            }
            // One source file has one package. So the nested classes get theirs here: a name of the same length, at home in a class file's constants.
            try (InputStream file = JavaClient.class.getResourceAsStream(name.replace('.', '$') + ".class")) {
                String content = new String(file.readAllBytes(), StandardCharsets.ISO_8859_1).replace(PACKAGE + "$", PACKAGE + "/");
                return defineClass(name, content.getBytes(StandardCharsets.ISO_8859_1), 0, content.length());
            } catch (IOException | NullPointerException error) {
                throw new ClassNotFoundException(name, error);
            }
        }
    }

    /** The classes that org.crac wants of an implementation, with the methods that it calls. */
    static final class Crac {
        private Crac() {}

        public interface Resource {
            void beforeCheckpoint(Context context) throws Exception;

            void afterRestore(Context context) throws Exception;
        }

        public static final class Context implements Resource {
            private final List<Resource> resources = new ArrayList<>();

            public synchronized void register(Resource resource) {
                resources.add(resource);
            }

            @Override
            public synchronized void beforeCheckpoint(Context outer) throws Exception {
                Exception first = null;
                for (int i = resources.size() - 1; i >= 0; i--) {
                    try {
                        resources.get(i).beforeCheckpoint(this);
                    } catch (Exception error) {
                        first = joined(first, error);
                    }
                }
                report(first);
            }

            @Override
            public synchronized void afterRestore(Context outer) throws Exception {
                Exception first = null;
                for (Resource resource : resources) {
                    try {
                        resource.afterRestore(this);
                    } catch (Exception error) {
                        first = joined(first, error);
                    }
                }
                report(first);
            }

            private static Exception joined(Exception first, Exception next) {
                if (first == null || first == next) {
                    return next;
                }
                first.addSuppressed(next);
                return first;
            }

            // DIFFERS: an exception of a Java function's SnapStart hook is told as it is; AWS puts a CheckpointException or RestoreException
            // without a message around it.
            private static void report(Exception first) throws Exception {
                if (first != null) {
                    throw first;
                }
            }
        }

        public static final class Core {
            private static final Context CONTEXT = new Context();

            private Core() {}

            public static Context getGlobalContext() {
                return CONTEXT;
            }

            public static void checkpointRestore() {
                throw new UnsupportedOperationException("Lambda takes the snapshot");
            }
        }

        @SuppressWarnings("serial")
        public static final class CheckpointException extends Exception {}

        @SuppressWarnings("serial")
        public static final class RestoreException extends Exception {}
    }

    private static File[] sorted(File[] files) {
        Arrays.sort(files);
        return files;
    }

    // DIFFERS: the error of a Java function has its ``cause``, as the Developer Guide's samples have it, and each error a type and a trace.
    // AWS's newest runtime client leaves the cause out, and what an error of init has none of.

    /** AWS's shape: the class as type, the frames of the function only, the causes nested. */
    static Map<String, Object> errorPayload(Throwable fault) {
        Map<String, Object> payload = new LinkedHashMap<>();
        payload.put("errorMessage", errorMessage(fault));
        payload.put("errorType", errorType(fault));
        List<String> trace = new ArrayList<>();
        for (StackTraceElement frame : fault instanceof Fault ? new StackTraceElement[0] : ownFrames(fault)) {
            trace.add(frame.toString().replaceFirst("^(app|java\\.base)/+", ""));
        }
        payload.put("stackTrace", trace);
        if (fault.getCause() != null && fault.getCause() != fault) {
            payload.put("cause", errorPayload(fault.getCause()));
        }
        return payload;
    }

    private static String errorMessage(Throwable fault) {
        return fault.getMessage() == null ? errorType(fault) : fault.getMessage();
    }

    private static String errorType(Throwable fault) {
        return fault instanceof Fault own ? own.type : fault.getClass().getName();
    }

    private static StackTraceElement[] ownFrames(Throwable fault) {
        StackTraceElement[] frames = fault.getStackTrace();
        for (int i = 0; i < frames.length; i++) {
            String name = frames[i].getClassName();
            if (name.equals("JavaClient") || name.startsWith("JavaClient$") || name.startsWith("jdk.internal.reflect.")) {
                return Arrays.copyOf(frames, i);
            }
        }
        return frames;
    }

    /** Lines of the runtime's logger: text, or one JSON object each, from the function's level on. */
    static final class Log {
        static final boolean JSON = "JSON".equalsIgnoreCase(System.getenv("AWS_LAMBDA_LOG_FORMAT"));
        static final String NO_LEVEL = "UNDEFINED"; // AWS: such a line is always written
        private static final List<String> LEVELS = List.of("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL");
        private static final int LOWEST = LEVELS.indexOf(String.valueOf(System.getenv("AWS_LAMBDA_LOG_LEVEL")).toUpperCase(Locale.ROOT));
        static volatile String requestId;

        private Log() {}

        static void write(String message, String level) {
            if (!JSON) {
                writeText(level.equals(NO_LEVEL) ? message : "[" + level + "] " + message, level);
                return;
            }
            StringBuilder line = new StringBuilder();
            member(line, '{', "timestamp", DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'").format(LocalDateTime.now(ZoneOffset.UTC)));
            member(line, ',', "message", message);
            member(line, ',', "level", level);
            if (requestId != null) {
                member(line, ',', "AWSRequestId", requestId);
            }
            writeText(line.append('}').toString(), level);
        }

        private static void member(StringBuilder line, char separator, String name, String value) {
            Json.quote(line.append(separator), name);
            Json.quote(line.append(':'), value);
        }

        static void writeText(String text, String level) {
            if (level.equals(NO_LEVEL) || LEVELS.indexOf(level) >= LOWEST) {
                System.out.print(text.endsWith("\n") ? text : text + "\n");
            }
        }
    }

    private static void logFault(Throwable fault) {
        trim(fault, new IdentityHashMap<>());
        StringWriter text = new StringWriter();
        fault.printStackTrace(new PrintWriter(text, true));
        Log.write(errorMessage(fault) + ": " + errorType(fault) + "\n" + text.toString().stripTrailing(), Log.JSON ? "ERROR" : Log.NO_LEVEL);
    }

    /** Leaves the function's frames only, in the causes and in what was suppressed, too. */
    private static void trim(Throwable fault, Map<Throwable, Boolean> seen) {
        if (fault == null || fault instanceof Fault || seen.put(fault, true) != null) {
            return;
        }
        fault.setStackTrace(ownFrames(fault));
        trim(fault.getCause(), seen);
        for (Throwable each : fault.getSuppressed()) {
            trim(each, seen);
        }
    }

    /** What the runtime itself finds wrong; {@code type} is the name on the wire. */
    @SuppressWarnings("serial")
    static final class Fault extends RuntimeException {
        final String type;

        Fault(String type, String message) {
            this(type, message, null);
        }

        Fault(String type, String message, Throwable cause) {
            super(message, cause, false, false);
            this.type = type;
        }

        @Override
        public String toString() {
            return type + ": " + getMessage();
        }
    }

    record Message(int status, Map<String, String> headers, byte[] body) {
        String header(String name) {
            return headers.get(name);
        }
    }

    /** One keep-alive connection; ends the process quietly when the sandbox hangs up. */
    static final class Wire {
        private final String host;
        private final OutputStream out;
        private final DataInputStream in;

        Wire(String address) throws IOException {
            int colon = address.lastIndexOf(':');
            host = address;
            Socket socket = new Socket(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
            socket.setTcpNoDelay(true);
            out = socket.getOutputStream();
            in = new DataInputStream(new java.io.BufferedInputStream(socket.getInputStream(), 65536));
        }

        void requestNext() throws IOException {
            get("/invocation/next");
        }

        void get(String path) throws IOException {
            out.write(("GET " + API + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
        }

        /** {@code errorType} is {@code null} for what is no error. */
        void post(String path, byte[] body, String errorType) throws IOException {
            String head = "POST " + API + path + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\n"
                + (errorType == null ? "" : "Lambda-Runtime-Function-Error-Type: " + errorType + "\r\n")
                + "Content-Length: " + body.length + "\r\n\r\n";
            byte[] start = head.getBytes(StandardCharsets.US_ASCII);
            byte[] message = Arrays.copyOf(start, start.length + body.length);
            System.arraycopy(body, 0, message, start.length, body.length);
            out.write(message);
        }

        Message read() throws IOException {
            try {
                int status = Integer.parseInt(line().substring(9, 12));
                Map<String, String> headers = new HashMap<>();
                for (String line = line(); !line.isEmpty(); line = line()) {
                    int colon = line.indexOf(':');
                    headers.put(line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
                }
                byte[] body = new byte[Integer.parseInt(headers.getOrDefault("content-length", "0"))];
                in.readFully(body);
                return new Message(status, headers, body);
            } catch (EOFException | java.net.SocketException end) {
                Runtime.getRuntime().halt(0);
                throw end;
            }
        }

        private String line() throws IOException {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(128);
            for (int next = in.readUnsignedByte(); next != '\n'; next = in.readUnsignedByte()) {
                if (next != '\r') {
                    bytes.write(next);
                }
            }
            return bytes.toString(StandardCharsets.UTF_8);
        }
    }

    /** A function's handler in any of the documented forms. */
    static final class Handler {
        private final Object instance;
        private final Method method;
        private final Method entry; // what is called: the interface's method, or the very one
        private final ClassLoader loader;
        private final Map<TypeVariable<?>, Type> variables;

        private Handler(Object instance, Method method, Method entry, ClassLoader loader, Map<TypeVariable<?>, Type> variables) {
            this.instance = instance;
            this.method = method;
            this.entry = entry;
            this.loader = loader;
            this.variables = variables;
        }

        /** {@code Class} implements one of the interfaces; {@code Class::method} names any public method. */
        static Handler load(String name, ClassLoader loader) throws Throwable {
            String[] parts = name.split("::", 2);
            Class<?> type;
            try {
                type = Class.forName(parts[0], true, loader);
            } catch (ClassNotFoundException error) {
                System.out.println("SANDBOX Hint: " + Advice.onMissing(parts[0], new File(System.getenv("LAMBDA_TASK_ROOT"))));
                throw new Fault("java.lang.ClassNotFoundException", "Class not found: " + parts[0]);
            } catch (LinkageError error) {
                String reason = error.getMessage() == null ? "" : ": " + error.getMessage();
                throw new Fault(error.getClass().getName(), "Error loading class " + parts[0] + reason, error);
            }
            if (parts.length == 2 && parts[1].isEmpty()) {
                throw new Fault("java.lang.Exception", "Invalid handler: `" + name + "'");
            }
            String wanted = parts.length == 2 ? parts[1] : "handleRequest";
            Method method = choose(type, wanted);
            Method entry = parts.length == 2 ? method : ofInterface(type, loader);
            if (entry == null && parts.length == 1) {
                throw new Fault("java.lang.NoSuchMethodException", "Class does not implement an appropriate handler interface: " + type.getName());
            }
            if (method == null) {
                String text = "No public method named " + wanted + " with appropriate method signature found on " + type;
                throw new Fault("java.lang.NoSuchMethodException", text);
            }
            method.setAccessible(true);
            return new Handler(Modifier.isStatic(method.getModifiers()) ? null : create(type), method, entry, loader, Types.variables(type));
        }

        /** Returns {@code null} for a class that has neither of the interfaces. */
        private static Method ofInterface(Class<?> type, ClassLoader loader) {
            for (String name : List.of("RequestStreamHandler", "RequestHandler")) {
                try {
                    Class<?> known = Class.forName(CORE + name, false, loader);
                    if (known.isAssignableFrom(type)) {
                        return known.getMethods()[0];
                    }
                } catch (ClassNotFoundException absent) {
                    // the function brings no aws-lambda-java-core: so it has none of its interfaces
                }
            }
            return null;
        }

        private static Object create(Class<?> type) throws Throwable {
            Constructor<?> constructor;
            try {
                constructor = type.getConstructor();
            } catch (NoSuchMethodException error) {
                throw new Fault("java.lang.Exception", "Class " + type.getName() + " has no public zero-argument constructor");
            }
            try {
                return constructor.newInstance();
            } catch (InvocationTargetException error) {
                throw error.getCause();
            }
        }

        /** AWS: of several methods of that name the one with most parameters, then the one that takes the context. */
        private static Method choose(Class<?> type, String name) {
            Comparator<Method> order = Comparator.comparingInt(Method::getParameterCount);
            return Stream.of(type.getMethods())
                .filter(method -> method.getName().equals(name) && !method.isBridge() && isHandler(method))
                .max(order.thenComparing(method -> takesContext(method) ? 1 : 0))
                .orElse(null);
        }

        private static boolean isHandler(Method method) {
            int count = method.getParameterCount();
            return count <= 1 || (count == 2 && (takesContext(method) || isStream(method))) || (count == 3 && isStream(method) && takesContext(method));
        }

        private static boolean isStream(Method method) {
            Class<?>[] types = method.getParameterTypes();
            return types.length >= 2 && types[0] == InputStream.class && types[1] == OutputStream.class;
        }

        private static boolean takesContext(Method method) {
            Class<?>[] types = method.getParameterTypes();
            return types.length > 0 && types[types.length - 1].getName().equals(CORE + "Context");
        }

        byte[] call(Message event) throws Throwable {
            List<Object> values = new ArrayList<>();
            ByteArrayOutputStream output = new ByteArrayOutputStream();
            boolean streams = isStream(method);
            int inputs = method.getParameterCount() - (takesContext(method) ? 1 : 0);
            if (streams) {
                values.add(new ByteArrayInputStream(event.body()));
                values.add(output);
            } else if (inputs == 1) {
                values.add(input(event.body()));
            }
            if (takesContext(method)) {
                values.add(Context.of(event, loader));
            }
            try {
                Object result = entry.invoke(instance, values.toArray());
                return streams ? output.toByteArray() : output(method.getReturnType() == void.class ? null : result);
            } catch (InvocationTargetException error) {
                throw error.getCause();
            }
        }

        private static byte[] output(Object result) {
            try {
                return Json.write(result);
            } catch (RuntimeException | ReflectiveOperationException error) {
                Throwable reason = error instanceof InvocationTargetException wrapped ? wrapped.getCause() : error;
                Fault detail = new Fault("java.io.UncheckedIOException", String.valueOf(reason.getMessage()));
                throw new Fault("java.lang.RuntimeException", "An error occurred during JSON serialization of response", detail);
            }
        }

        private Object input(byte[] body) {
            try {
                return Json.bind(Json.parse(new String(body, StandardCharsets.UTF_8)), Types.resolve(method.getGenericParameterTypes()[0], variables));
            } catch (RuntimeException | ReflectiveOperationException error) {
                Throwable reason = error instanceof InvocationTargetException wrapped ? wrapped.getCause() : error;
                Fault detail = new Fault("java.io.UncheckedIOException", String.valueOf(reason.getMessage()));
                throw new Fault("java.lang.RuntimeException", "An error occurred during JSON parsing", detail);
            }
        }
    }

    /** What to do about a package without the handler's class. */
    static final class Advice {
        private Advice() {}

        static String onMissing(String name, File root) {
            String file = name.replace('.', '/');
            if (new File(root, name.replaceFirst("\\.[^.]*$", "").replace('.', '/') + ".class").isFile()) {
                return "a handler is Class::method or Class: put :: before the name of the method.";
            }
            if (name.contains("/") || name.endsWith(".class") || name.matches(".*[^:]:[^:].*")) {
                return "a handler is package.Class::method: dots between packages, two colons before the method, and no file name.";
            }
            if (new File(root, file + ".java").isFile() || new File(root, file.replaceFirst(".*/", "") + ".java").isFile()) {
                return "the package has the source of " + name + " only: compile it, and zip its classes or put a jar with them into lib/.";
            }
            String[] jars = root.list((folder, each) -> each.endsWith(".jar"));
            if (jars != null && jars.length > 0) {
                return "the package has " + jars[0] + " at its root, which is not searched: put it into lib/, or upload the jar itself as the package.";
            }
            return "neither the package, nor a jar in its lib/, nor one of the layers' java/lib/ has " + file + ".class: correct the handler, or build the package anew.";
        }
    }

    /** The function's own {@code Context} interface, answered from the event's headers. */
    static final class Context implements InvocationHandler {
        private final Map<String, Object> values;
        private final ClassLoader loader;
        private final long deadline;

        private Context(Map<String, Object> values, ClassLoader loader, long deadline) {
            this.values = values;
            this.loader = loader;
            this.deadline = deadline;
        }

        static Object of(Message event, ClassLoader loader) throws ClassNotFoundException {
            Map<String, Object> values = new HashMap<>();
            values.put("getAwsRequestId", event.header("lambda-runtime-aws-request-id"));
            values.put("getInvokedFunctionArn", event.header("lambda-runtime-invoked-function-arn"));
            values.put("getTenantId", event.header("lambda-runtime-aws-tenant-id"));
            values.put("getLogGroupName", System.getenv("AWS_LAMBDA_LOG_GROUP_NAME"));
            values.put("getLogStreamName", System.getenv("AWS_LAMBDA_LOG_STREAM_NAME"));
            values.put("getFunctionName", System.getenv("AWS_LAMBDA_FUNCTION_NAME"));
            values.put("getFunctionVersion", System.getenv("AWS_LAMBDA_FUNCTION_VERSION"));
            values.put("getMemoryLimitInMB", Integer.parseInt(System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")));
            values.put("getClientContext", parsed(event.header("lambda-runtime-client-context")));
            values.put("getIdentity", parsed(event.header("lambda-runtime-cognito-identity")));
            long deadline = Long.parseLong(event.header("lambda-runtime-deadline-ms"));
            return proxy(CORE + "Context", loader, new Context(values, loader, deadline));
        }

        private static Object parsed(String header) {
            return header == null || header.isEmpty() ? null : Json.parse(header);
        }

        private static Object proxy(String name, ClassLoader loader, InvocationHandler answers) throws ClassNotFoundException {
            return Proxy.newProxyInstance(loader, new Class<?>[] {Class.forName(name, true, loader)}, answers);
        }

        @Override
        public Object invoke(Object self, Method method, Object[] arguments) throws Throwable {
            switch (method.getName()) {
                case "getRemainingTimeInMillis":
                    return (int) Math.max(0, deadline - System.currentTimeMillis());
                case "getLogger":
                    return proxy(CORE + "LambdaLogger", loader, Context::log);
                case "getIdentity":
                    Object identity = values.get("getIdentity");
                    return identity == null ? null : proxy(CORE + "CognitoIdentity", loader, members(identity));
                case "getClientContext":
                    Object client = values.get("getClientContext");
                    return client == null ? null : proxy(CORE + "ClientContext", loader, members(client));
                case "toString":
                    return "Context" + values;
                case "hashCode":
                    return System.identityHashCode(self);
                case "equals":
                    return self == arguments[0];
                default:
                    return values.containsKey(method.getName()) ? values.get(method.getName()) : InvocationHandler.invokeDefault(self, method, arguments);
            }
        }

        /** AWS: {@code LambdaRuntime.getLogger()} answers with the same logger. */
        static void shareLogger(ClassLoader loader) {
            try {
                Field logger = Class.forName(CORE + "LambdaRuntime", true, loader).getDeclaredField("logger");
                logger.setAccessible(true);
                logger.set(null, proxy(CORE + "LambdaLogger", loader, Context::log));
            } catch (ReflectiveOperationException absent) {
                // the function brings another aws-lambda-java-core, or none
            }
        }

        private static Object log(Object self, Method method, Object[] arguments) {
            String level = arguments.length > 1 ? ((Enum<?>) arguments[1]).name() : Log.NO_LEVEL;
            if (arguments[0] instanceof byte[] bytes) {
                Log.writeText(new String(bytes, StandardCharsets.UTF_8), level); // AWS: bytes are written as they are
            } else {
                Log.write(String.valueOf(arguments[0]), level);
            }
            return null;
        }

        /** Getters over a JSON object: {@code getAppTitle} finds {@code app_title}, {@code appTitle}; {@code getEnvironment} {@code env}. */
        private InvocationHandler members(Object json) {
            Map<String, Object> byName = new TreeMap<>();
            if (json instanceof Map<?, ?> map) {
                map.forEach((key, value) -> byName.put(Json.plain(String.valueOf(key)), value));
            }
            return (self, method, arguments) -> {
                String name = Json.plain(method.getName().replaceFirst("^get", ""));
                Object value = byName.get(name.equals("environment") ? "env" : name.replaceFirst("^identity", "cognitoidentity"));
                if (value instanceof Map && !Map.class.isAssignableFrom(method.getReturnType())) {
                    return proxy(method.getReturnType().getName(), loader, members(value));
                }
                return method.getDeclaringClass() == Object.class ? "" + byName : value;
            };
        }
    }

    /** What type variables stand for: {@code Base<I, O>} declares the handler's input, the class that extends it says which. */
    static final class Types {
        private Types() {}

        record Generic(Type getRawType, Type[] inner) implements ParameterizedType {
            @Override
            public Type[] getActualTypeArguments() {
                return inner;
            }

            @Override
            public Type getOwnerType() {
                return null;
            }
        }

        /** Returns what is known of a class's own variables and of those of all that it extends and implements. */
        static Map<TypeVariable<?>, Type> variables(Type type) {
            Map<TypeVariable<?>, Type> known = new HashMap<>();
            collect(type, known);
            return known;
        }

        private static void collect(Type type, Map<TypeVariable<?>, Type> known) {
            Type raw = type instanceof ParameterizedType generic ? generic.getRawType() : type;
            if (!(raw instanceof Class<?> target)) {
                return;
            }
            if (type instanceof ParameterizedType generic) {
                for (int i = 0; i < target.getTypeParameters().length; i++) {
                    known.put(target.getTypeParameters()[i], resolve(generic.getActualTypeArguments()[i], known));
                }
            }
            collect(target.getGenericSuperclass(), known);
            for (Type each : target.getGenericInterfaces()) {
                collect(each, known);
            }
        }

        static Type resolve(Type type, Map<TypeVariable<?>, Type> known) {
            if (type instanceof TypeVariable<?> variable) {
                Type bound = variable.getBounds()[0];
                return known.getOrDefault(variable, bound instanceof Class<?> ? bound : Object.class);
            }
            if (type instanceof WildcardType wildcard) {
                return resolve(wildcard.getUpperBounds()[0], known);
            }
            if (type instanceof GenericArrayType array) {
                Type component = resolve(array.getGenericComponentType(), known);
                return (GenericArrayType) () -> component;
            }
            if (type instanceof ParameterizedType generic) {
                Type[] inner = Stream.of(generic.getActualTypeArguments()).map(each -> resolve(each, known)).toArray(Type[]::new);
                return new Generic(generic.getRawType(), inner);
            }
            return type;
        }
    }

    /** JSON to and from Java's values, maps, collections, records, enums and classes with setters, getters, fields or a constructor for all. */
    static final class Json {
        // DIFFERS: a ``DateTime`` of Joda that a Java function returns is ISO 8601; on AWS it is an object of all its fields.
        private static final String JODA = "org.joda.time.DateTime"; // AWS's event classes use it; it comes with the function
        private final String text;
        private int at;

        private Json(String text) {
            this.text = text;
        }

        static Object parse(String text) {
            Json json = new Json(text);
            Object value = json.value();
            json.blanks();
            if (json.at < text.length()) {
                throw json.fault("text after the value");
            }
            return value;
        }

        private Object value() {
            blanks();
            char next = at < text.length() ? text.charAt(at) : 0;
            return switch (next) {
                case '{' -> object();
                case '[' -> list();
                case '"' -> string();
                case 't' -> word("true", Boolean.TRUE);
                case 'f' -> word("false", Boolean.FALSE);
                case 'n' -> word("null", null);
                default -> number();
            };
        }

        private void blanks() {
            while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
        }

        private RuntimeException fault(String what) {
            return new IllegalArgumentException(what + " at character " + at);
        }

        private boolean take(char wanted) {
            blanks();
            if (at < text.length() && text.charAt(at) == wanted) {
                at++;
                return true;
            }
            return false;
        }

        private Object word(String word, Object value) {
            if (!text.startsWith(word, at)) {
                throw fault("no JSON value");
            }
            at += word.length();
            return value;
        }

        private Map<String, Object> object() {
            Map<String, Object> map = new LinkedHashMap<>();
            at++;
            if (take('}')) {
                return map;
            }
            do {
                blanks();
                String key = string();
                if (!take(':')) {
                    throw fault("no colon");
                }
                map.put(key, value());
            } while (take(','));
            if (!take('}')) {
                throw fault("no end of the object");
            }
            return map;
        }

        private List<Object> list() {
            List<Object> values = new ArrayList<>();
            at++;
            if (take(']')) {
                return values;
            }
            do {
                values.add(value());
            } while (take(','));
            if (!take(']')) {
                throw fault("no end of the list");
            }
            return values;
        }

        private String string() {
            if (at >= text.length() || text.charAt(at) != '"') {
                throw fault("no string");
            }
            StringBuilder out = new StringBuilder();
            for (at++; at < text.length() && text.charAt(at) != '"'; at++) {
                char next = text.charAt(at);
                if (next != '\\') {
                    out.append(next);
                    continue;
                }
                at++;
                char escaped = at < text.length() ? text.charAt(at) : 0;
                int place = "bfnrt".indexOf(escaped);
                if (escaped == 'u' && at + 4 < text.length()) {
                    out.append((char) Integer.parseInt(text.substring(at + 1, at + 5), 16));
                    at += 4;
                } else {
                    out.append(place >= 0 ? "\b\f\n\r\t".charAt(place) : escaped);
                }
            }
            if (at++ >= text.length()) {
                throw fault("no end of the string");
            }
            return out.toString();
        }

        private Number number() {
            int start = at;
            while (at < text.length() && "+-.0123456789eE".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
            String digits = text.substring(start, at);
            if (digits.isEmpty()) {
                throw fault("no JSON value");
            }
            if (digits.matches("-?\\d+")) {
                BigInteger whole = new BigInteger(digits);
                return whole.bitLength() < 32 ? (Number) whole.intValue() : whole.bitLength() < 64 ? (Number) whole.longValue() : whole;
            }
            return Double.valueOf(digits);
        }

        /** A name without case and separators. */
        static String plain(String name) {
            return name.replaceAll("[_-]", "").toLowerCase(Locale.ROOT);
        }

        /** A member's name is told apart by every letter, but in AWS's event classes, which spell a few unlike the JSON does. */
        private static String spelled(String name, Class<?> owner) {
            return owner.getName().startsWith(CORE + "events.") ? plain(name) : name;
        }

        /** What a method's name says of a member: {@code Name} is {@code name}, {@code URL} stays as it is. */
        private static String member(String name) {
            boolean shouts = name.length() > 1 && Character.isUpperCase(name.charAt(0)) && Character.isUpperCase(name.charAt(1));
            return shouts ? name : name.substring(0, 1).toLowerCase(Locale.ROOT) + name.substring(1);
        }

        private static boolean isGetter(Method method) {
            String name = method.getName();
            boolean asks = name.startsWith("is") && name.length() > 2 && (method.getReturnType() == boolean.class || method.getReturnType() == Boolean.class);
            boolean gets = name.startsWith("get") && name.length() > 3 && method.getReturnType() != void.class;
            boolean own = method.getDeclaringClass() != Object.class && !Modifier.isStatic(method.getModifiers()) && !method.isBridge();
            return (asks || gets) && own && method.getParameterCount() == 0;
        }

        private static String memberOf(Method getter) {
            return member(getter.getName().substring(getter.getName().startsWith("get") ? 3 : 2));
        }

        static Object bind(Object value, Type type) throws ReflectiveOperationException {
            if (type instanceof GenericArrayType array) {
                return bindArray(value, array.getGenericComponentType());
            }
            Type raw = type instanceof ParameterizedType generic ? generic.getRawType() : type;
            if (!(raw instanceof Class<?> target) || target == Object.class) {
                return value;
            }
            value = single(value, target);
            if (value == null) {
                return target == Optional.class ? Optional.empty() : target.isPrimitive() ? Array.get(Array.newInstance(target, 1), 0) : null;
            }
            Type[] inner = type instanceof ParameterizedType generic ? generic.getActualTypeArguments() : new Type[] {Object.class, Object.class};
            if (target == char[].class && value instanceof String letters) {
                return letters.toCharArray();
            }
            if (target.isArray() && !(target == byte[].class && value instanceof String)) {
                return bindArray(value, target.getComponentType());
            }
            if (target == Optional.class) {
                return Optional.ofNullable(bind(value, inner[0]));
            }
            if (Map.class.isAssignableFrom(target)) {
                return bindMap(expect(value, Map.class, target), target, inner);
            }
            if (Collection.class.isAssignableFrom(target) || target == Iterable.class) {
                return bindCollection(value instanceof List<?> many ? many : List.of(value), target, inner[0]);
            }
            if (target.isEnum()) {
                return bindEnum(value, target);
            }
            Object simple = bindSimple(value, target);
            return simple != null ? simple : bindMembers(expect(value, Map.class, target), target, Types.variables(type));
        }

        /** AWS: one value in a list will do where no list is wanted, an empty list is nothing there, and so is an empty text for an object. */
        private static Object single(Object value, Class<?> target) {
            boolean many = target.isArray() || target == Iterable.class || Collection.class.isAssignableFrom(target);
            if (!many && value instanceof List<?> list && list.size() < 2 && target != Optional.class) {
                return list.isEmpty() ? null : list.get(0);
            }
            return "".equals(value) && target != String.class && !target.isArray() ? null : value;
        }

        private static <T> T expect(Object value, Class<T> type, Class<?> target) {
            if (!type.isInstance(value)) {
                throw new IllegalArgumentException("Cannot deserialize value of type `" + target.getName() + "` from " + value.getClass().getSimpleName());
            }
            return type.cast(value);
        }

        private static Object bindArray(Object value, Type component) throws ReflectiveOperationException {
            List<?> values = value instanceof List<?> many ? many : List.of(value);
            Class<?> raw = (Class<?>) (component instanceof ParameterizedType generic ? generic.getRawType() : component);
            Object array = Array.newInstance(raw, values.size());
            for (int i = 0; i < values.size(); i++) {
                Array.set(array, i, bind(values.get(i), component));
            }
            return array;
        }

        @SuppressWarnings("unchecked")
        private static Object bindMap(Map<?, ?> value, Class<?> target, Type[] inner) throws ReflectiveOperationException {
            boolean open = target.isInterface() || Modifier.isAbstract(target.getModifiers());
            Map<Object, Object> map = open ? (target.isAssignableFrom(LinkedHashMap.class) ? new LinkedHashMap<>() : new TreeMap<>())
                : (Map<Object, Object>) target.getConstructor().newInstance();
            boolean typed = inner.length == 2;
            for (Map.Entry<?, ?> entry : value.entrySet()) {
                map.put(typed ? bind(entry.getKey(), inner[0]) : entry.getKey(), typed ? bind(entry.getValue(), inner[1]) : entry.getValue());
            }
            return map;
        }

        @SuppressWarnings("unchecked")
        private static Object bindCollection(List<?> value, Class<?> target, Type inner) throws ReflectiveOperationException {
            Collection<Object> out = target.isAssignableFrom(ArrayList.class) ? new ArrayList<>()
                : target.isAssignableFrom(LinkedHashSet.class) ? new LinkedHashSet<>()
                : (Collection<Object>) target.getConstructor().newInstance();
            for (Object element : value) {
                out.add(bind(element, inner));
            }
            return out;
        }

        /** AWS: a name that the enumeration does not have is null; a number is a place in it. */
        private static Object bindEnum(Object value, Class<?> target) {
            boolean byPlace = value instanceof Integer;
            return Stream.of(target.getEnumConstants()).map(Enum.class::cast)
                .filter(each -> byPlace ? each.ordinal() == (Integer) value : each.name().equals(String.valueOf(value))).findFirst().orElse(null);
        }

        /** Returns {@code null} for a class that is none of the simple ones. */
        private static Object bindSimple(Object value, Class<?> target) throws ReflectiveOperationException {
            if (target.isInstance(value)) {
                return value;
            }
            if (target == String.class) {
                if (value instanceof Map || value instanceof List) {
                    expect(value, String.class, target);
                }
                return String.valueOf(value);
            }
            if (target == boolean.class || target == Boolean.class) {
                return value instanceof Number number ? (Object) (number.doubleValue() != 0) : Boolean.valueOf(String.valueOf(value));
            }
            if (target == char.class || target == Character.class) {
                return String.valueOf(value).charAt(0);
            }
            if (target == UUID.class) {
                return UUID.fromString(String.valueOf(value));
            }
            if (target == URI.class) {
                return URI.create(String.valueOf(value));
            }
            if (target == byte[].class) {
                return Base64.getDecoder().decode(String.valueOf(value));
            }
            if (target == ByteBuffer.class) {
                return ByteBuffer.wrap(Base64.getDecoder().decode(String.valueOf(value)));
            }
            if (target.getName().equals(JODA)) { // milliseconds or ISO 8601: its constructor for any object takes both
                return target.getConstructor(Object.class).newInstance(value instanceof Number number ? number.longValue() : String.valueOf(value));
            }
            if (target == Date.class) {
                return value instanceof Number number ? new Date(number.longValue()) : Date.from(OffsetDateTime.parse(String.valueOf(value)).toInstant());
            }
            if (Moments.are(target)) {
                return Moments.read(value, target);
            }
            return Number.class.isAssignableFrom(target) || target.isPrimitive() ? bindNumber(value, target) : null;
        }

        private static Object bindNumber(Object value, Class<?> target) {
            if (value instanceof Map || value instanceof List || value instanceof Boolean) {
                expect(value, Number.class, target);
            }
            BigDecimal number = new BigDecimal(String.valueOf(value));
            return switch (target.getSimpleName().toLowerCase(Locale.ROOT)) {
                case "int", "integer" -> number.intValue();
                case "long" -> number.longValue();
                case "short" -> number.shortValue();
                case "byte" -> number.byteValue();
                case "float" -> number.floatValue();
                case "double" -> number.doubleValue();
                case "biginteger" -> number.toBigInteger();
                default -> number;
            };
        }

        private static Object bindMembers(Map<?, ?> value, Class<?> target, Map<TypeVariable<?>, Type> variables) throws ReflectiveOperationException {
            Map<String, Object> byName = new HashMap<>();
            value.forEach((key, member) -> byName.put(spelled(String.valueOf(key), target), member));
            if (target.isRecord()) {
                return bindRecord(byName, target, variables);
            }
            Constructor<?> constructor = constructor(target);
            Object made = create(constructor, byName, variables);
            Map<String, Method> setters = setters(target);
            for (Map.Entry<String, Method> setter : setters.entrySet()) {
                if (byName.containsKey(setter.getKey())) {
                    Type type = Types.resolve(setter.getValue().getGenericParameterTypes()[0], variables);
                    setter.getValue().setAccessible(true);
                    setter.getValue().invoke(made, bindMember(byName.get(setter.getKey()), type, target));
                }
            }
            Set<String> readable = getters(target);
            Set<String> done = new LinkedHashSet<>(setters.keySet());
            for (Field field : constructor.getParameterCount() == 0 ? fields(target) : List.<Field>of()) {
                String name = spelled(field.getName(), target);
                boolean settable = Modifier.isPublic(field.getModifiers()) ? !Modifier.isFinal(field.getModifiers()) : readable.contains(name);
                if (settable && byName.containsKey(name) && done.add(name)) {
                    field.setAccessible(true);
                    field.set(made, bindMember(byName.get(name), Types.resolve(field.getGenericType(), variables), target));
                }
            }
            return made;
        }

        /** The class's constructor without parameters, else the one that takes a value for each field. */
        private static Constructor<?> constructor(Class<?> target) throws NoSuchMethodException {
            boolean inner = target.getEnclosingClass() != null && !Modifier.isStatic(target.getModifiers());
            Constructor<?>[] all = inner ? new Constructor<?>[0] : target.getDeclaredConstructors();
            int count = (int) fields(target).stream().filter(field -> field.getDeclaringClass() == target).count();
            Constructor<?> found = Stream.of(all).filter(each -> each.getParameterCount() == 0).findFirst()
                .or(() -> Stream.of(all).filter(each -> each.getParameterCount() == count && !each.isSynthetic()).findFirst())
                .orElseThrow(() -> new NoSuchMethodException("Cannot construct instance of `" + target.getName() + "`: no constructor without parameters"));
            found.setAccessible(true);
            return found;
        }

        /** Parameters go by their names where the compiler has kept them, and by the fields in their order where not: so AWS's S3 classes are made. */
        private static Object create(Constructor<?> constructor, Map<String, Object> byName, Map<TypeVariable<?>, Type> variables) throws ReflectiveOperationException {
            Class<?> target = constructor.getDeclaringClass();
            List<Field> fields = fields(target);
            Parameter[] parameters = constructor.getParameters();
            Object[] values = new Object[parameters.length];
            for (int i = 0; i < parameters.length; i++) {
                String name = parameters[i].isNamePresent() ? parameters[i].getName() : fields.get(i).getName();
                values[i] = bindMember(byName.get(spelled(name, target)), Types.resolve(parameters[i].getParameterizedType(), variables), target);
            }
            return constructor.newInstance(values);
        }

        /** The fields of each instance, those of the class itself first. */
        private static List<Field> fields(Class<?> target) {
            List<Field> fields = new ArrayList<>();
            for (Class<?> each = target; each != null && each.getClassLoader() != null; each = each.getSuperclass()) {
                Stream.of(each.getDeclaredFields()).filter(field -> !Modifier.isStatic(field.getModifiers()) && !field.isSynthetic()).forEach(fields::add);
            }
            return fields;
        }

        /** Of several for one member the one that takes text: DynamoDB's event name can also be set as one of an enumeration. */
        private static Map<String, Method> setters(Class<?> target) {
            Map<String, Method> setters = new LinkedHashMap<>();
            for (Method method : target.getMethods()) {
                if (method.getName().matches("set.+") && method.getParameterCount() == 1 && !method.isBridge()) {
                    setters.merge(spelled(member(method.getName().substring(3)), target), method, (one, other) -> other.getParameterTypes()[0] == String.class ? other : one);
                }
            }
            return setters;
        }

        private static Set<String> getters(Class<?> target) {
            Set<String> names = new LinkedHashSet<>();
            for (Method method : target.getMethods()) {
                if (isGetter(method)) {
                    names.add(spelled(memberOf(method), target));
                }
            }
            return names;
        }

        /** AWS: events of Kinesis and DynamoDB carry seconds, often with a fraction; a whole number elsewhere is milliseconds. */
        private static Object bindMember(Object value, Type type, Class<?> owner) throws ReflectiveOperationException {
            boolean moment = type == Date.class || type == Instant.class || type instanceof Class<?> target && target.getName().equals(JODA);
            if (moment && value instanceof Number number && (value instanceof Double || owner.getName().startsWith(CORE + "events."))) {
                return bind(Math.round(number.doubleValue() * 1000), type);
            }
            return bind(value, type);
        }

        private static Object bindRecord(Map<String, Object> byName, Class<?> target, Map<TypeVariable<?>, Type> variables) throws ReflectiveOperationException {
            RecordComponent[] parts = target.getRecordComponents();
            Class<?>[] types = Stream.of(parts).map(RecordComponent::getType).toArray(Class<?>[]::new);
            Object[] values = new Object[parts.length];
            for (int i = 0; i < parts.length; i++) {
                values[i] = bindMember(byName.get(spelled(parts[i].getName(), target)), Types.resolve(parts[i].getGenericType(), variables), target);
            }
            Constructor<?> constructor = target.getDeclaredConstructor(types);
            constructor.setAccessible(true);
            return constructor.newInstance(values);
        }

        static byte[] write(Object value) throws ReflectiveOperationException {
            StringBuilder out = new StringBuilder();
            append(out, value, new IdentityHashMap<>());
            return out.toString().getBytes(StandardCharsets.UTF_8);
        }

        private static void append(StringBuilder out, Object value, Map<Object, Object> above) throws ReflectiveOperationException {
            if (value == null || value instanceof Boolean) {
                out.append(value);
            } else if (value instanceof Number number) {
                boolean finite = Double.isFinite(number.doubleValue()) || number instanceof BigDecimal || number instanceof BigInteger;
                out.append(finite ? number.toString() : '"' + number.toString() + '"');
            } else if (value instanceof CharSequence || value instanceof Character || value instanceof Enum<?> || value instanceof UUID || value instanceof URI || value.getClass().getName().equals(JODA)) {
                quote(out, value instanceof Enum<?> constant ? constant.name() : value.toString());
            } else if (value instanceof Date date) {
                out.append(date.getTime());
            } else if (Moments.are(value.getClass())) {
                out.append(Moments.write(value));
            } else if (value instanceof char[] letters) {
                quote(out, new String(letters));
            } else if (value instanceof byte[] bytes) {
                quote(out, Base64.getEncoder().encodeToString(bytes));
            } else if (value instanceof ByteBuffer buffer) {
                byte[] bytes = new byte[buffer.remaining()];
                buffer.duplicate().get(bytes);
                quote(out, Base64.getEncoder().encodeToString(bytes));
            } else if (value instanceof Optional<?> optional) {
                append(out, optional.orElse(null), above);
            } else if (above.put(value, value) != null) {
                throw new IllegalArgumentException("the object refers to itself");
            } else {
                appendNested(out, value, above);
                above.remove(value);
            }
        }

        private static void appendNested(StringBuilder out, Object value, Map<Object, Object> above) throws ReflectiveOperationException {
            if (value instanceof Map<?, ?> map) {
                Map<String, Object> members = new LinkedHashMap<>();
                map.forEach((key, member) -> members.put(key instanceof Enum<?> constant ? constant.name() : key.toString(), member));
                appendMembers(out, members, above);
            } else if (value instanceof Collection<?> || value.getClass().isArray()) {
                out.append('[');
                Object array = value instanceof Collection<?> many ? many.toArray() : value;
                for (int i = 0; i < Array.getLength(array); i++) {
                    append(i == 0 ? out : out.append(','), Array.get(array, i), above);
                }
                out.append(']');
            } else {
                appendMembers(out, members(value), above);
            }
        }

        /** AWS: members without a value are left out. */
        private static void appendMembers(StringBuilder out, Map<String, Object> members, Map<Object, Object> above) throws ReflectiveOperationException {
            out.append('{');
            String separator = "";
            for (Map.Entry<String, Object> member : members.entrySet()) {
                if (member.getValue() != null) {
                    quote(out.append(separator), member.getKey());
                    append(out.append(':'), member.getValue(), above);
                    separator = ",";
                }
            }
            out.append('}');
        }

        private static Map<String, Object> members(Object value) throws ReflectiveOperationException {
            Map<String, Object> members = new LinkedHashMap<>();
            Class<?> type = value.getClass();
            if (type.isRecord()) {
                for (RecordComponent part : type.getRecordComponents()) {
                    part.getAccessor().setAccessible(true);
                    members.put(part.getName(), part.getAccessor().invoke(value));
                }
                return members;
            }
            places(type, members);
            for (Field field : type.getFields()) {
                if (!Modifier.isStatic(field.getModifiers()) && !Modifier.isTransient(field.getModifiers())) {
                    field.setAccessible(true);
                    members.put(field.getName(), field.get(value));
                }
            }
            Method[] methods = type.getMethods();
            Arrays.sort(methods, Comparator.comparing(Method::getName).reversed()); // what is got comes after what is asked, and counts
            for (Method method : methods) {
                if (isGetter(method)) {
                    method.setAccessible(true);
                    members.put(memberOf(method), method.invoke(value));
                }
            }
            return members;
        }

        /** Gives each field a place, those of a superclass first: members stand in this order. */
        private static void places(Class<?> type, Map<String, Object> members) {
            if (type != null && type != Object.class) {
                places(type.getSuperclass(), members);
                Stream.of(type.getDeclaredFields()).forEach(field -> members.putIfAbsent(field.getName(), null));
            }
        }

        private static void quote(StringBuilder out, String text) {
            out.append('"');
            for (int i = 0; i < text.length(); i++) {
                char next = text.charAt(i);
                int place = "\"\\\b\f\n\r\t".indexOf(next);
                if (place >= 0) {
                    out.append('\\').append("\"\\bfnrt".charAt(place));
                } else if (next < ' ' || Character.isSurrogate(next) && !paired(text, i)) {
                    out.append(String.format("\\u%04x", (int) next));
                } else {
                    out.append(next);
                }
            }
            out.append('"');
        }

        private static boolean paired(String text, int i) {
            boolean low = i > 0 && Character.isSurrogatePair(text.charAt(i - 1), text.charAt(i));
            return low || i + 1 < text.length() && Character.isSurrogatePair(text.charAt(i), text.charAt(i + 1));
        }
    }

    /** The classes of java.time as AWS's runtime has them in JSON: seconds with a fraction, or the numbers of a date and a time. */
    static final class Moments {
        private static final Map<Class<?>, Class<?>> SECONDS = Map.of(Instant.class, Instant.class, OffsetDateTime.class, Instant.class, ZonedDateTime.class, Instant.class, Duration.class, Duration.class);
        private static final Set<Class<?>> NUMBERS = Set.of(LocalDate.class, LocalTime.class, LocalDateTime.class);

        private Moments() {}

        static boolean are(Class<?> type) {
            return SECONDS.containsKey(type) || NUMBERS.contains(type);
        }

        /** Text is ISO 8601; a number is seconds. */
        static Object read(Object value, Class<?> type) throws ReflectiveOperationException {
            if (!(value instanceof Number number) || NUMBERS.contains(type)) {
                return type.getMethod("parse", CharSequence.class).invoke(null, String.valueOf(value));
            }
            BigDecimal seconds = new BigDecimal(number.toString());
            long whole = seconds.setScale(0, RoundingMode.FLOOR).longValue();
            long nanos = seconds.subtract(BigDecimal.valueOf(whole)).movePointRight(9).longValue();
            Instant moment = Instant.ofEpochSecond(whole, nanos);
            return type == Duration.class ? Duration.ofSeconds(whole, nanos)
                : type == Instant.class ? moment
                : type == OffsetDateTime.class ? moment.atOffset(ZoneOffset.UTC) : moment.atZone(ZoneId.of("UTC"));
        }

        static String write(Object value) {
            if (value instanceof LocalDate date) {
                return numbers(date.getYear(), date.getMonthValue(), date.getDayOfMonth());
            }
            if (value instanceof LocalTime time) {
                return numbers(parts(time).toArray());
            }
            if (value instanceof LocalDateTime both) {
                return numbers(IntStream.concat(IntStream.of(both.getYear(), both.getMonthValue(), both.getDayOfMonth()), parts(both.toLocalTime())).toArray());
            }
            if (value instanceof Duration duration) {
                return seconds(duration.getSeconds(), duration.getNano());
            }
            Instant moment = value instanceof OffsetDateTime there ? there.toInstant() : value instanceof ZonedDateTime there ? there.toInstant() : (Instant) value;
            return seconds(moment.getEpochSecond(), moment.getNano());
        }

        private static String seconds(long whole, int nanos) {
            return BigDecimal.valueOf(whole).add(BigDecimal.valueOf(nanos, 9)).setScale(9).toPlainString();
        }

        /** Hours and minutes; seconds and nanoseconds as far as there are any. */
        private static IntStream parts(LocalTime time) {
            int count = time.getNano() > 0 ? 4 : time.getSecond() > 0 ? 3 : 2;
            return IntStream.of(time.getHour(), time.getMinute(), time.getSecond(), time.getNano()).limit(count);
        }

        private static String numbers(int... values) {
            return IntStream.of(values).mapToObj(String::valueOf).collect(Collectors.joining(",", "[", "]"));
        }
    }
}
