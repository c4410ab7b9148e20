// The names of the package Amazon.Lambda.Core 2.7 as far as functions and runtimes meet them, so that no network is needed.

using System;
using System.Collections.Generic;
using System.IO;
using System.Threading.Tasks;

namespace Amazon.Lambda.Core
{
    public interface ILambdaContext
    {
        string AwsRequestId { get; }

        IClientContext ClientContext { get; }

        string FunctionName { get; }

        string FunctionVersion { get; }

        ICognitoIdentity Identity { get; }

        string InvokedFunctionArn { get; }

        ILambdaLogger Logger { get; }

        string LogGroupName { get; }

        string LogStreamName { get; }

        int MemoryLimitInMB { get; }

        TimeSpan RemainingTime { get; }

        string TraceId => null;

        string TenantId => null;

        ILambdaSerializer Serializer => null;

        /// <summary>Something that only a package of tomorrow has.</summary>
        int OfTomorrow => 1;
    }

    public interface IClientContext
    {
        IDictionary<string, string> Environment { get; }

        IClientApplication Client { get; }

        IDictionary<string, string> Custom { get; }
    }

    public interface IClientApplication
    {
        string AppPackageName { get; }

        string AppTitle { get; }

        string AppVersionCode { get; }

        string AppVersionName { get; }

        string InstallationId { get; }
    }

    public interface ICognitoIdentity
    {
        string IdentityId { get; }

        string IdentityPoolId { get; }
    }

    public enum LogLevel { Trace, Debug, Information, Warning, Error, Critical }

    public interface ILambdaLogger
    {
        void Log(string message);

        void LogLine(string message);

        void Log(string level, string message) => LogLine(message);

        void Log(LogLevel level, string message) => Log(level.ToString(), message);

        void LogDebug(string message) => Log("Debug", message);

        void LogInformation(string message) => Log("Information", message);

        void LogWarning(string message) => Log("Warning", message);

        void LogError(string message) => Log("Error", message);

        void LogCritical(string message) => Log("Critical", message);

        void Log(string level, string message, params object[] args) => Log(level, message);

        void Log(string level, Exception exception, string message, params object[] args) => Log(level, message);

        void LogInformation(string message, params object[] args) => Log("Information", message, args);

        void LogError(Exception exception, string message, params object[] args) => Log("Error", exception, message, args);
    }

    public interface ILambdaSerializer
    {
        T Deserialize<T>(Stream requestStream);

        void Serialize<T>(T response, Stream responseStream);
    }

    [AttributeUsage(AttributeTargets.Assembly | AttributeTargets.Method)]
    public class LambdaSerializerAttribute : Attribute
    {
        public LambdaSerializerAttribute(Type serializerType) => SerializerType = serializerType;

        public Type SerializerType { get; }
    }

    public static class LambdaLogger
    {
#pragma warning disable IDE0044
        private static Action<string> _loggingAction = Console.WriteLine;
        private static Action<string, string, object[]> _loggingWithLevelAction = (level, message, args) => Console.WriteLine(message);
#pragma warning restore IDE0044

        public static void Log(string message) => _loggingAction(message);

        public static void Log(string level, string message, params object[] args) => _loggingWithLevelAction(level, message, args);
    }

    public static class LambdaTraceProvider
    {
        public static string CurrentTraceId { get; private set; }

        internal static void SetCurrentTraceId(string traceId) => CurrentTraceId = traceId;
    }

    public static class SnapshotRestore
    {
        private static readonly List<Func<ValueTask>> Before = new List<Func<ValueTask>>();
        private static readonly List<Func<ValueTask>> After = new List<Func<ValueTask>>();

        public static void RegisterBeforeSnapshot(Func<ValueTask> beforeSnapshotAction) => Before.Add(beforeSnapshotAction);

        public static void RegisterAfterRestore(Func<ValueTask> afterRestoreAction) => After.Add(afterRestoreAction);

        internal static void CopyBeforeSnapshotCallbacksToRegistry(Action<Func<ValueTask>> restoreHooksRegistryMethod) => Before.ForEach(restoreHooksRegistryMethod);

        internal static void CopyAfterRestoreCallbacksToRegistry(Action<Func<ValueTask>> restoreHooksRegistryMethod) => After.ForEach(restoreHooksRegistryMethod);
    }
}
