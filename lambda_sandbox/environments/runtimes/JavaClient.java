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
import java.net.Socket;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
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

            // DIFFERS: AWS throws a CheckpointException or RestoreException without a message around what the hooks have thrown.
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

    /** AWS's shape: the class as type, the frames of the function only, the causes nested. */
    static Map<String, Object> errorPayload(Throwable fault) {
        Map<String, Object> payload = new LinkedHashMap<>();
        payload.put("errorMessage", fault.getMessage());
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
        Log.write(fault.getMessage() + ": " + errorType(fault) + "\n" + text.toString().stripTrailing(), Log.JSON ? "ERROR" : Log.NO_LEVEL);
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
            super(message, null, false, false);
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
        private final ClassLoader loader;
        private final Map<TypeVariable<?>, Type> variables;

        private Handler(Object instance, Method method, ClassLoader loader, Map<TypeVariable<?>, Type> variables) {
            this.instance = instance;
            this.method = method;
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
                throw new Fault("java.lang.ClassNotFoundException", "Class not found: " + parts[0]);
            }
            String wanted = parts.length == 2 ? parts[1] : "handleRequest";
            Method method = choose(type, wanted);
            if (method == null) {
                String text = "No public method named " + wanted + " with appropriate method signature found on class " + type;
                throw new Fault("java.lang.NoSuchMethodException", text);
            }
            method.setAccessible(true);
            return new Handler(Modifier.isStatic(method.getModifiers()) ? null : create(type), method, loader, Types.variables(type));
        }

        private static Object create(Class<?> type) throws Throwable {
            Constructor<?> constructor;
            try {
                constructor = type.getConstructor();
            } catch (NoSuchMethodException error) {
                throw new Fault("java.lang.NoSuchMethodException", "Class " + type.getName() + " has no public zero-argument constructor");
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
                Object result = method.invoke(instance, values.toArray());
                return streams ? output.toByteArray() : Json.write(method.getReturnType() == void.class ? null : result);
            } catch (InvocationTargetException error) {
                throw error.getCause();
            }
        }

        private Object input(byte[] body) {
            try {
                return Json.bind(Json.parse(new String(body, StandardCharsets.UTF_8)), Types.resolve(method.getGenericParameterTypes()[0], variables));
            } catch (RuntimeException | ReflectiveOperationException error) {
                Throwable reason = error instanceof InvocationTargetException wrapped ? wrapped.getCause() : error;
                throw new Fault("java.lang.RuntimeException", "An error occurred during JSON parsing: " + reason.getMessage());
            }
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
                    return proxy(CORE + "CognitoIdentity", loader, members(values.get("getIdentity")));
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

        /** A name without case and separators: AWS's event classes spell a few members unlike the JSON does. */
        static String plain(String name) {
            return name.replaceAll("[_-]", "").toLowerCase(Locale.ROOT);
        }

        static Object bind(Object value, Type type) throws ReflectiveOperationException {
            if (type instanceof GenericArrayType array) {
                return bindArray(value, array.getGenericComponentType());
            }
            Type raw = type instanceof ParameterizedType generic ? generic.getRawType() : type;
            if (!(raw instanceof Class<?> target) || target == Object.class) {
                return value;
            }
            if (value == null) {
                return target == Optional.class ? Optional.empty() : target.isPrimitive() ? bindSimple(0, target) : null;
            }
            Type[] inner = type instanceof ParameterizedType generic ? generic.getActualTypeArguments() : new Type[] {Object.class, Object.class};
            if (target.isArray() && !(value instanceof String)) {
                return bindArray(value, target.getComponentType());
            }
            if (target == Optional.class) {
                return Optional.ofNullable(bind(value, inner[0]));
            }
            if (Map.class.isAssignableFrom(target)) {
                return bindMap(expect(value, Map.class, target), target, inner);
            }
            if (Collection.class.isAssignableFrom(target) || target == Iterable.class) {
                return bindCollection(expect(value, List.class, target), target, inner[0]);
            }
            Object simple = bindSimple(value, target);
            return simple != null ? simple : bindMembers(expect(value, Map.class, target), target, Types.variables(type));
        }

        private static <T> T expect(Object value, Class<T> type, Class<?> target) {
            if (!type.isInstance(value)) {
                throw new IllegalArgumentException("Cannot deserialize value of type `" + target.getName() + "` from " + value.getClass().getSimpleName());
            }
            return type.cast(value);
        }

        private static Object bindArray(Object value, Type component) throws ReflectiveOperationException {
            List<?> values = expect(value, List.class, Object[].class);
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

        /** Returns {@code null} for a class that is none of the simple ones. */
        @SuppressWarnings({"unchecked", "rawtypes"})
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
                return value instanceof Boolean ? value : Boolean.valueOf(String.valueOf(value));
            }
            if (target == char.class || target == Character.class) {
                return String.valueOf(value).charAt(0);
            }
            if (target.isEnum()) {
                return Enum.valueOf((Class<Enum>) target, String.valueOf(value));
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
            if (target == Date.class || target == Instant.class) {
                Instant moment = value instanceof Number number ? Instant.ofEpochMilli(number.longValue()) : Instant.parse(String.valueOf(value));
                return target == Date.class ? Date.from(moment) : moment;
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
            value.forEach((key, member) -> byName.put(plain(String.valueOf(key)), member));
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
                String name = plain(field.getName());
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
                values[i] = bindMember(byName.get(plain(name)), Types.resolve(parameters[i].getParameterizedType(), variables), target);
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
                if (method.getName().startsWith("set") && method.getParameterCount() == 1 && !method.isBridge()) {
                    setters.merge(plain(method.getName().substring(3)), method, (one, other) -> other.getParameterTypes()[0] == String.class ? other : one);
                }
            }
            return setters;
        }

        private static Set<String> getters(Class<?> target) {
            Set<String> names = new LinkedHashSet<>();
            for (Method method : target.getMethods()) {
                if (method.getParameterCount() == 0 && method.getName().matches("(get|is).+")) {
                    names.add(plain(method.getName().replaceFirst("^(get|is)", "")));
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
                values[i] = bindMember(byName.get(plain(parts[i].getName())), Types.resolve(parts[i].getGenericType(), variables), target);
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
            } else if (value instanceof CharSequence || value instanceof Character || value instanceof Enum<?> || value instanceof Instant || value.getClass().getName().equals(JODA)) {
                quote(out, value instanceof Enum<?> constant ? constant.name() : value.toString());
            } else if (value instanceof Date date) {
                out.append(date.getTime());
            } else if (value instanceof byte[] bytes) {
                quote(out, Base64.getEncoder().encodeToString(bytes));
            } else if (value instanceof ByteBuffer buffer) {
                byte[] bytes = new byte[buffer.remaining()];
                buffer.duplicate().get(bytes);
                quote(out, Base64.getEncoder().encodeToString(bytes));
            } else if (value instanceof Optional<?> optional) {
                append(out, optional.orElse(null), above);
            } else if (above.put(value, value) != null) {
                throw new Fault("java.lang.RuntimeException", "An error occurred during serialization: the object refers to itself");
            } else {
                appendNested(out, value, above);
                above.remove(value);
            }
        }

        private static void appendNested(StringBuilder out, Object value, Map<Object, Object> above) throws ReflectiveOperationException {
            if (value instanceof Map<?, ?> map) {
                Map<String, Object> members = new LinkedHashMap<>();
                map.forEach((key, member) -> members.put(String.valueOf(key), member));
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

        private static void appendMembers(StringBuilder out, Map<String, Object> members, Map<Object, Object> above) throws ReflectiveOperationException {
            String separator = "{";
            for (Map.Entry<String, Object> member : members.entrySet()) {
                quote(out.append(separator), member.getKey());
                append(out.append(':'), member.getValue(), above);
                separator = ",";
            }
            out.append(members.isEmpty() ? "{}" : "}");
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
            for (Field field : type.getFields()) {
                if (!Modifier.isStatic(field.getModifiers())) {
                    members.put(field.getName(), field.get(value));
                }
            }
            Method[] methods = type.getMethods();
            Arrays.sort(methods, Comparator.comparing(Method::getName));
            for (Method method : methods) {
                String name = method.getName().replaceFirst("^(get|is)(?=[A-Z]|[a-z][A-Z])", ""); // geteTag, too
                boolean getter = !name.equals(method.getName()) && method.getParameterCount() == 0 && method.getDeclaringClass() != Object.class;
                if (getter && !Modifier.isStatic(method.getModifiers())) {
                    method.setAccessible(true);
                    members.put(name.substring(0, 1).toLowerCase(Locale.ROOT) + name.substring(1), method.invoke(value));
                }
            }
            return members;
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
}
